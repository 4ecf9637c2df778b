import assert from 'node:assert/strict';
import { sleep } from '../../base/clock.ts';
import type { StartPosition } from '../../kinesis/kinesis-api.ts';
import type { Page, ShardReader } from '../../kinesis/reader.ts';
import type { ConformanceCase } from './case.ts';
import { type KinesisBench, type KinesisSubject, Stage, manyTexts, textsOf } from './kinesis-bench.ts';

/** Makes the reader under test; `maxRecords` bounds a page where the reader has such a bound. */
export type ReaderMaker = (subject: KinesisSubject, options: { readonly maxRecords?: number }) => ShardReader;

/** What every implementation of `ShardReader` must do, each case on a stream of its own. */
export function readerSuite(bench: KinesisBench, makeReader: ReaderMaker): readonly ConformanceCase[] {
  const on = (name: string, body: (stage: ReaderStage) => Promise<void>, shardCount = 1): ConformanceCase => ({
    name,
    run: async () => body(new ReaderStage(await bench.createStream(shardCount), makeReader)),
  });
  return [
    on('reads everything in order from TRIM_HORIZON', readsEverything),
    on('reads on after a sequence number', readsOn),
    on('reads pages that are exactly full without losing or repeating a record', readsFullPages),
    on('yields an empty page, without lag, of an empty shard', readsAnEmptyShard),
    on('sees what is put after an opening at LATEST', readsFromLatest),
    on('reads a shard that is split meanwhile to its end, and the rest from its children', readsThroughASplit),
    on('reads two merged shards to their ends, and both name the child', readsThroughAMerge, 2),
    on('ends at once for a shard whose end was read already', readsTheEndAgain),
    on('rejects with the reason of the signal', rejectsWithTheReason),
    on('says shardGone for a shard that the stream does not have', saysShardGone),
  ];
}

class ReaderStage extends Stage {
  readonly #makeReader: ReaderMaker;

  constructor(subject: KinesisSubject, makeReader: ReaderMaker) {
    super(subject);
    this.#makeReader = makeReader;
  }

  async onlyShard(): Promise<string> {
    return (await this.shards())[0]?.shardId ?? '';
  }

  /** Reads pages until `enough` says so of what was read, or the shard ends. */
  collect(
    shardId: string,
    start: StartPosition,
    enough: (pages: readonly Page[]) => boolean,
    maxRecords?: number,
  ): Promise<readonly Page[]> {
    const reader = this.#makeReader(this.subject, maxRecords === undefined ? {} : { maxRecords });
    const collecting = async () => {
      const controller = new AbortController();
      const pages: Page[] = [];
      for await (const page of reader.open(shardId, start, controller.signal)) {
        pages.push(page);
        if (enough(pages)) break;
      }
      return pages;
    };
    return this.run(collecting());
  }

  /** The pages of an opening, to be taken one by one. */
  openReader(shardId: string, start: StartPosition, signal: AbortSignal): AsyncIterator<Page> {
    return this.#makeReader(this.subject, {}).open(shardId, start, signal)[Symbol.asyncIterator]();
  }
}

function recordsOf(pages: readonly Page[]): readonly string[] {
  return textsOf(pages.flatMap((page) => page.records));
}

async function readsEverything(stage: ReaderStage): Promise<void> {
  const texts = manyTexts(50);
  const results = await stage.put(texts);
  const shardId = await stage.onlyShard();
  const pages = await stage.collect(
    shardId,
    { type: 'TRIM_HORIZON' },
    (seen) => recordsOf(seen).length >= texts.length,
  );
  assert.deepEqual(recordsOf(pages), texts);
  const records = pages.flatMap((page) => page.records);
  assert.deepEqual(
    records.map((record) => record.sequenceNumber),
    results.map((result) => result.sequenceNumber),
  );
  assert.deepEqual(
    records.map((record) => record.partitionKey),
    texts.map((_, index) => String(index)),
  );
  for (const record of records) {
    assert.equal(record.shardId, shardId);
    assert.equal(record.streamName, stage.subject.streamName);
    assert.equal(record.subSequenceNumber, 0);
  }
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  assert.equal(
    pages.reduce((sum, page) => sum + page.bytes, 0),
    bytes,
  );
}

async function readsOn(stage: ReaderStage): Promise<void> {
  const results = await stage.put(['a', 'b', 'c', 'd']);
  const sequenceNumber = results[1]?.sequenceNumber ?? '';
  const start = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber } as const;
  const pages = await stage.collect(await stage.onlyShard(), start, (seen) => recordsOf(seen).length >= 2);
  assert.deepEqual(recordsOf(pages), ['c', 'd']);
}

async function readsFullPages(stage: ReaderStage): Promise<void> {
  const texts = manyTexts(6);
  await stage.put(texts);
  await stage.subject.split(await stage.onlyShard());
  const parent = (await stage.shards()).find((shard) => shard.endingSequenceNumber !== undefined)?.shardId ?? '';
  const pages = await stage.collect(parent, { type: 'TRIM_HORIZON' }, () => false, 3);
  assert.deepEqual(recordsOf(pages), texts);
  assert.equal(pages.filter((page) => page.end !== undefined).length, 1);
  assert.equal(pages.at(-1)?.end?.childShards.length, 2);
}

async function readsAnEmptyShard(stage: ReaderStage): Promise<void> {
  const [page] = await stage.collect(await stage.onlyShard(), { type: 'TRIM_HORIZON' }, () => true);
  assert.deepEqual(page, { records: [], bytes: 0, millisBehindLatest: 0 });
}

async function readsFromLatest(stage: ReaderStage): Promise<void> {
  await stage.put(['before']);
  const controller = new AbortController();
  const pages = stage.openReader(await stage.onlyShard(), { type: 'LATEST' }, controller.signal);
  const first = await stage.run(pages.next());
  assert.deepEqual(first.done === true ? undefined : recordsOf([first.value]), []);
  await stage.put(['after']);
  const seen: string[] = [];
  while (seen.length === 0) {
    const next = await stage.run(pages.next());
    assert.ok(next.done !== true);
    seen.push(...recordsOf([next.value]));
  }
  assert.deepEqual(seen, ['after']);
  await pages.return?.();
}

async function readsThroughASplit(stage: ReaderStage): Promise<void> {
  await stage.put(manyTexts(10, 'early'));
  const parent = await stage.onlyShard();
  const pages: Page[] = [];
  const iterator = stage.openReader(parent, { type: 'TRIM_HORIZON' }, new AbortController().signal);
  const first = await stage.run(iterator.next());
  assert.ok(first.done !== true);
  pages.push(first.value);
  await stage.subject.split(parent);
  const late = manyTexts(20, 'late');
  await stage.put(late);
  for (;;) {
    const next = await stage.run(iterator.next());
    if (next.done === true) break;
    pages.push(next.value);
  }
  assert.deepEqual(recordsOf(pages), manyTexts(10, 'early'));
  const children = pages.at(-1)?.end?.childShards ?? [];
  assert.equal(children.length, 2);
  const rest: string[] = [];
  for (const child of children) {
    const caughtUp = (seen: readonly Page[]) => seen.at(-1)?.millisBehindLatest === 0;
    rest.push(...recordsOf(await stage.collect(child.shardId, { type: 'TRIM_HORIZON' }, caughtUp)));
  }
  assert.deepEqual(rest.toSorted(), late.toSorted());
}

async function readsThroughAMerge(stage: ReaderStage): Promise<void> {
  const [one, other] = (await stage.shards()).map((shard) => shard.shardId);
  assert.ok(one !== undefined && other !== undefined);
  await stage.subject.merge(one, other);
  const ends: string[][] = [];
  for (const shardId of [one, other]) {
    const pages = await stage.collect(shardId, { type: 'TRIM_HORIZON' }, () => false);
    ends.push((pages.at(-1)?.end?.childShards ?? []).map((child) => child.shardId));
  }
  assert.equal(ends[0]?.length, 1);
  assert.deepEqual(ends[0], ends[1]);
}

async function readsTheEndAgain(stage: ReaderStage): Promise<void> {
  const [put] = await stage.put(['last']);
  assert.ok(put !== undefined);
  await stage.subject.split(put.shardId);
  const start = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: put.sequenceNumber } as const;
  const pages = await stage.collect(put.shardId, start, () => false);
  assert.deepEqual(recordsOf(pages), []);
  assert.equal(pages.at(-1)?.end?.childShards.length, 2);
}

async function rejectsWithTheReason(stage: ReaderStage): Promise<void> {
  const { clock } = stage.subject;
  const controller = new AbortController();
  const reason = new Error('the lease is lost');
  const pages = stage.openReader(await stage.onlyShard(), { type: 'TRIM_HORIZON' }, controller.signal);
  await stage.run(pages.next());
  const waiting = pages.next();
  const outcome = assert.rejects(waiting, (thrown: unknown) => thrown === reason);
  await stage.run(sleep(clock, 50));
  controller.abort(reason);
  await stage.run(outcome);
}

async function saysShardGone(stage: ReaderStage): Promise<void> {
  const collecting = stage.collect('shardId-000000009999', { type: 'TRIM_HORIZON' }, () => true);
  await assert.rejects(collecting, { kind: 'shardGone', code: 'MR_POSITION_TRIMMED' });
}
