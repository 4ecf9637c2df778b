import assert from 'node:assert/strict';
import { isKinesisFault } from '../../kinesis/fault.ts';
import { isOpen, type Shard } from '../../kinesis/shard.ts';
import { hashKeyOf, maxHashKey } from '../hash-key.ts';
import type { ConformanceCase } from './case.ts';
import { type KinesisBench, Stage, manyTexts, textsOf } from './kinesis-bench.ts';

/** What every implementation of `KinesisApi` must do, each case on a stream of its own. */
export function kinesisSuite(bench: KinesisBench): readonly ConformanceCase[] {
  const on = (shardCount: number, name: string, body: (stage: Stage) => Promise<void>): ConformanceCase => ({
    name,
    run: async () => body(new Stage(await bench.createStream(shardCount))),
  });
  return [
    on(2, 'describes the stream', describesTheStream),
    on(3, 'lists open shards that cover the hash space without gap or overlap', coversTheHashSpace),
    on(4, 'puts a record into the shard that holds the MD5 of its partition key', putsByPartitionKey),
    on(2, 'puts a record by its explicit hash key', putsByHashKey),
    on(1, 'gives records back in order, byte for byte', givesBack),
    on(1, 'starts at or after a sequence number', startsAtSequenceNumber),
    on(1, 'starts at LATEST with what is put after the opening', startsAtLatest),
    on(1, 'starts AT_TIMESTAMP with what arrived since', startsAtTimestamp),
    on(1, 'gives no records of an empty shard, an iterator to go on, and no lag', emptyShard),
    on(1, 'gives at most the limit of records and goes on behind them', exactLimit),
    on(1, 'ends a split shard behind its last record and names its children', endsASplitShard),
    on(2, 'names both parents of a merged shard', mergesShards),
    on(1, 'lists only open shards AT_LATEST', listsAtLatest),
    on(1, 'says streamNotFound for a missing stream', missingStream),
    on(1, 'says shardGone for a shard that the stream does not have', missingShard),
    on(1, 'says aborted when the signal is', abortedCall),
  ];
}

async function describesTheStream(stage: Stage): Promise<void> {
  const { streamName, api } = stage.subject;
  const description = await stage.call((calls, signal) => calls.describeStream(signal));
  assert.equal(description.streamName, streamName);
  assert.match(description.streamArn, new RegExp(`^arn:aws:kinesis:.*:stream/${streamName}$`));
  assert.equal(description.status, 'ACTIVE');
  assert.equal(description.retentionPeriodHours, 24);
  const ageMillis = api.serviceTimeMillis() - description.createdAtMillis;
  assert.ok(ageMillis > -2_000 && ageMillis < 600_000, `created ${ageMillis} ms ago`);
}

async function coversTheHashSpace(stage: Stage): Promise<void> {
  const shards = await stage.shards();
  assert.equal(shards.length, 3);
  assert.equal(new Set(shards.map((shard) => shard.shardId)).size, 3);
  let next = 0n;
  for (const shard of shards.toSorted((a, b) => (BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1))) {
    assert.equal(BigInt(shard.startingHashKey), next);
    assert.ok(isOpen(shard));
    assert.deepEqual(shard.parentShardIds, []);
    next = BigInt(shard.endingHashKey) + 1n;
  }
  assert.equal(next, maxHashKey + 1n);
}

async function putsByPartitionKey(stage: Stage): Promise<void> {
  const shards = await stage.shards();
  const results = await stage.put(manyTexts(20));
  for (const [index, result] of results.entries()) {
    const shard = shards.find((candidate) => candidate.shardId === result.shardId) as Shard;
    const hashKey = hashKeyOf(String(index));
    assert.ok(BigInt(shard.startingHashKey) <= hashKey && hashKey <= BigInt(shard.endingHashKey));
  }
}

async function putsByHashKey(stage: Stage): Promise<void> {
  for (const shard of await stage.shards()) {
    const [result] = await stage.put(['text'], shard.endingHashKey);
    assert.equal(result?.shardId, shard.shardId);
  }
}

async function givesBack(stage: Stage): Promise<void> {
  const { api } = stage.subject;
  const [shard] = await stage.shards();
  const entries = [
    { data: Uint8Array.from({ length: 256 }, (_, index) => index), partitionKey: 'bytes' },
    { data: new TextEncoder().encode('grüße, 水'), partitionKey: 'schlüssel-水' },
    { data: new Uint8Array(100_000).fill(7), partitionKey: 'big' },
  ];
  const results = await stage.call((calls, signal) => calls.putRecords(entries, signal));
  const answer = await stage.readFrom(shard?.shardId ?? '', { type: 'TRIM_HORIZON' });
  assert.equal(answer.records.length, entries.length);
  let previous = 0n;
  for (const [index, record] of answer.records.entries()) {
    const entry = entries[index];
    const result = results[index];
    assert.ok(entry !== undefined && result?.ok === true);
    assert.deepEqual(Uint8Array.from(record.data), entry.data);
    assert.equal(record.partitionKey, entry.partitionKey);
    assert.equal(record.sequenceNumber, result.sequenceNumber);
    assert.ok(BigInt(record.sequenceNumber) > previous);
    previous = BigInt(record.sequenceNumber);
    assert.ok(Math.abs(record.arrivalTimeMillis - api.serviceTimeMillis()) < 600_000);
  }
  assert.equal(answer.millisBehindLatest, 0);
  assert.deepEqual(answer.childShards, []);
}

async function startsAtSequenceNumber(stage: Stage): Promise<void> {
  const [first, second] = await stage.put(['a', 'b', 'c']);
  assert.ok(first !== undefined && second !== undefined);
  const { shardId, sequenceNumber } = second;
  const at = await stage.readFrom(shardId, { type: 'AT_SEQUENCE_NUMBER', sequenceNumber });
  const after = await stage.readFrom(shardId, { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber });
  assert.deepEqual([textsOf(at.records), textsOf(after.records)], [['b', 'c'], ['c']]);
}

async function startsAtLatest(stage: Stage): Promise<void> {
  const [before] = await stage.put(['before']);
  const iterator = await stage.open(before?.shardId ?? '', { type: 'LATEST' });
  await stage.put(['after']);
  assert.deepEqual(textsOf((await stage.read(iterator)).records), ['after']);
}

async function startsAtTimestamp(stage: Stage): Promise<void> {
  const [put] = await stage.put(['a', 'b']);
  const shardId = put?.shardId ?? '';
  const [first] = (await stage.readFrom(shardId, { type: 'TRIM_HORIZON' })).records;
  const timestampMillis = first?.arrivalTimeMillis ?? 0;
  const since = await stage.readFrom(shardId, { type: 'AT_TIMESTAMP', timestampMillis });
  const longSince = await stage.readFrom(shardId, { type: 'AT_TIMESTAMP', timestampMillis: timestampMillis - 60_000 });
  assert.deepEqual(
    [textsOf(since.records), textsOf(longSince.records)],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  );
}

async function emptyShard(stage: Stage): Promise<void> {
  const [shard] = await stage.shards();
  const answer = await stage.readFrom(shard?.shardId ?? '', { type: 'TRIM_HORIZON' });
  assert.deepEqual([answer.records, answer.millisBehindLatest, answer.childShards], [[], 0, []]);
  assert.equal(typeof answer.nextIterator, 'string');
}

async function exactLimit(stage: Stage): Promise<void> {
  const texts = manyTexts(4);
  const [put] = await stage.put(texts);
  const one = await stage.readFrom(put?.shardId ?? '', { type: 'TRIM_HORIZON' }, 2);
  const two = await stage.read(one.nextIterator ?? '', 2);
  const three = await stage.read(two.nextIterator ?? '', 2);
  assert.deepEqual(
    [one, two, three].map((answer) => answer.records.length),
    [2, 2, 0],
  );
  assert.deepEqual(textsOf([...one.records, ...two.records]), texts);
}

async function endsASplitShard(stage: Stage): Promise<void> {
  const [put] = await stage.put(['last']);
  const parent = put?.shardId ?? '';
  await stage.subject.split(parent);
  const answer = await stage.readFrom(parent, { type: 'TRIM_HORIZON' });
  assert.deepEqual(textsOf(answer.records), ['last']);
  assert.equal(answer.nextIterator, undefined);
  assert.equal(answer.millisBehindLatest, 0);
  const shards = await stage.shards();
  const children = shards.filter((shard) => shard.parentShardIds.includes(parent));
  assert.equal(children.length, 2);
  assert.ok(children.every(isOpen));
  assert.equal(shards.find((shard) => shard.shardId === parent)?.endingSequenceNumber === undefined, false);
  assert.deepEqual(
    answer.childShards.map((child) => child.shardId).toSorted(),
    children.map((child) => child.shardId).toSorted(),
  );
  assert.deepEqual(
    answer.childShards.map((child) => child.parentShardIds),
    [[parent], [parent]],
  );
}

async function mergesShards(stage: Stage): Promise<void> {
  const parents = (await stage.shards()).map((shard) => shard.shardId);
  const [one, other] = parents;
  assert.ok(one !== undefined && other !== undefined);
  await stage.subject.merge(one, other);
  const answer = await stage.readFrom(one, { type: 'TRIM_HORIZON' });
  assert.equal(answer.nextIterator, undefined);
  assert.equal(answer.childShards.length, 1);
  assert.deepEqual(answer.childShards[0]?.parentShardIds.toSorted(), parents.toSorted());
  const child = (await stage.shards()).find((shard) => shard.shardId === answer.childShards[0]?.shardId);
  assert.deepEqual(child?.parentShardIds.toSorted(), parents.toSorted());
  assert.deepEqual([child?.startingHashKey, child?.endingHashKey], ['0', String(maxHashKey)]);
}

async function listsAtLatest(stage: Stage): Promise<void> {
  const [parent] = await stage.shards();
  await stage.subject.split(parent?.shardId ?? '');
  const page = await stage.call((api, signal) => api.listShards({ filter: { type: 'AT_LATEST' } }, signal));
  const open = (await stage.shards()).filter(isOpen);
  assert.equal(open.length, 2);
  assert.deepEqual(page.shards.map((shard) => shard.shardId).toSorted(), open.map((shard) => shard.shardId).toSorted());
}

async function missingStream(stage: Stage): Promise<void> {
  const { missing } = stage.subject;
  const signal = new AbortController().signal;
  for (const call of [() => missing.describeStream(signal), () => missing.listShards({}, signal)]) {
    const calling: Promise<unknown> = call();
    await assert.rejects(stage.run(calling), (thrown: unknown) => {
      assert.ok(isKinesisFault(thrown, 'streamNotFound'), String(thrown));
      assert.equal(thrown.code, 'MR_STREAM_NOT_FOUND');
      return true;
    });
  }
}

async function missingShard(stage: Stage): Promise<void> {
  await assert.rejects(stage.open('shardId-000000009999', { type: 'TRIM_HORIZON' }), (thrown: unknown) => {
    assert.ok(isKinesisFault(thrown, 'shardGone'), String(thrown));
    assert.equal(thrown.subject.shard, 'shardId-000000009999');
    return true;
  });
}

async function abortedCall(stage: Stage): Promise<void> {
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(stage.run(stage.subject.api.describeStream(signal)), (thrown: unknown) =>
    isKinesisFault(thrown, 'aborted'),
  );
}
