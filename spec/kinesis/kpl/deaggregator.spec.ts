import { describe, expect, it } from 'vitest';
import { formatPosition, positionOf } from '../../../lib/base/position.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import { maxPartRecords } from '../../../lib/kinesis/kpl/deaggregator.ts';
import { hashKeyOf, maxHashKey } from '../../../lib/kinesis/kpl/hash-range.ts';
import { deaggregator, entriesOf, fixtures, frameAround, frameOf, record, shardId } from './values.ts';

const partitionKeys = (records: readonly { readonly partitionKey: string }[]) => records.map((one) => one.partitionKey);
const positions = (records: readonly { readonly position: Parameters<typeof formatPosition>[0] }[]) =>
  records.map((one) => formatPosition(one.position));

describe('Deaggregator', () => {
  it.each(fixtures)('takes apart what aws-kinesis-agg has put together: $name', ({ userRecords, frame }) => {
    const { all, events } = deaggregator();
    const read = all(record(frame));
    expect(read.map(({ partitionKey, data }) => ({ partitionKey, data: Buffer.from(data).toString('hex') }))).toEqual(
      userRecords.map(({ partitionKey, data }) => ({ partitionKey, data: Buffer.from(data).toString('hex') })),
    );
    expect(read.map((one) => one.subSequenceNumber)).toEqual(userRecords.map((_, index) => index));
    expect(events).toEqual([]);
  });

  it('gives each user record the place, time and origin of its aggregate', () => {
    const { all } = deaggregator();
    const [first, second] = all(record(frameOf(entriesOf('a', 'b')), '49590338271490256608559692538361571095'));
    expect(first).toMatchObject({ shardId, streamName: 'stream', arrivalTimeMillis: 1_700_000_000_123 });
    expect(first?.partitionKey).toBe('a');
    expect(second?.text()).toBe('1 b');
    expect(second?.byteLength).toBe(3);
    expect(second?.position).toEqual(positionOf('49590338271490256608559692538361571095', 1));
  });

  it('gives a page without aggregates back as it is', () => {
    const { deaggregator: made } = deaggregator();
    const page = [record(Buffer.from('plain')), record(new Uint8Array()), record(Uint8Array.of(0xf3, 0x89))];
    const parts = [...made.parts(page)];
    expect(parts).toHaveLength(1);
    expect(parts[0]).toBe(page);
    expect([...made.parts([])]).toEqual([[]]);
  });

  it('makes nothing of a plain record but a look at its first bytes', () => {
    const { all } = deaggregator();
    let asked = 0;
    const content = {
      get data(): Uint8Array {
        asked += 1;
        return new Uint8Array(8);
      },
      partitionKey: 'k',
      sequenceNumber: '1',
      arrivalTimeMillis: 0,
      startsWith: () => false,
    };
    all(new KinesisRecord(content, { shardId, streamName: 'stream', subSequenceNumber: 0 }));
    expect(asked).toBe(0);
  });

  it('keeps the order of plain and aggregated records', () => {
    const { all } = deaggregator();
    const page = [
      record(Buffer.from('x'), '1'),
      record(frameOf(entriesOf('a', 'b')), '2'),
      record(Buffer.from('y'), '3'),
      record(frameOf(entriesOf('c', 'd')), '4'),
    ];
    expect(positions(all(...page))).toEqual(['1:0', '2:0', '2:1', '3:0', '4:0', '4:1']);
  });

  it('copies no data: the user records are views of the aggregate', () => {
    const { all } = deaggregator();
    const frame = new Uint8Array(frameOf(entriesOf('a', 'b')));
    for (const one of all(record(frame))) expect(one.data.buffer).toBe(frame.buffer);
    expect(all(record(frame))[0]?.detach().data.buffer).not.toBe(frame.buffer);
  });

  it('gives nothing for an aggregate without user records', () => {
    const { all, events } = deaggregator();
    // One partition key, which nobody uses.
    expect(all(record(frameAround([0x0a, 1, 0x61])))).toEqual([]);
    expect(events).toEqual([]);
  });

  it('does not take an aggregate inside an aggregate apart', () => {
    const { all } = deaggregator();
    const inner = frameOf(entriesOf('a', 'b'));
    const outer = frameOf([
      { partitionKey: 'c', data: inner },
      { partitionKey: 'd', data: inner },
    ]);
    expect(all(record(outer)).map((one) => [one.partitionKey, [...one.data]])).toEqual([
      ['c', [...inner]],
      ['d', [...inner]],
    ]);
  });
});

describe('a range of hash keys', () => {
  const keys = Array.from({ length: 40 }, (_, index) => `customer-${index}`);
  const middle = 1n << 127n;
  const lower = { startingHashKey: '0', endingHashKey: `${middle - 1n}` };
  const upper = { startingHashKey: `${middle}`, endingHashKey: `${maxHashKey}` };

  it('leaves out the user records of other shards one by one, and keeps the places of the others', () => {
    const page = record(frameOf(entriesOf(...keys)));
    const low = deaggregator(lower).all(page);
    const high = deaggregator(upper).all(page);
    expect(partitionKeys(low)).toEqual(keys.filter((key) => hashKeyOf(key) < middle));
    expect(partitionKeys(high)).toEqual(keys.filter((key) => hashKeyOf(key) >= middle));
    expect(low.length * high.length).toBeGreaterThan(0);
    for (const one of [...low, ...high]) expect(one.partitionKey).toBe(keys[one.subSequenceNumber]);
  });

  it('goes by the explicit hash key where there is one', () => {
    const entries = entriesOf(...keys).map((entry) => ({ ...entry, explicitHashKey: `${middle + 5n}` }));
    expect(deaggregator(lower).all(record(frameOf(entries)))).toEqual([]);
    expect(deaggregator(upper).all(record(frameOf(entries)))).toHaveLength(keys.length);
  });

  it('leaves a plain record alone, whatever its key: its explicit hash key is not known', () => {
    const page = [record(Buffer.from('x')), record(frameOf(entriesOf(...keys)))];
    expect(deaggregator({ startingHashKey: '5', endingHashKey: '5' }).all(...page)).toEqual([page[0]]);
  });

  it('counts what it leaves out, and tells it at once, then every ten seconds, and at the end', async () => {
    const { all, clock, events, deaggregator: made } = deaggregator({ startingHashKey: '5', endingHashKey: '5' });
    const take = (sequenceNumber: string) => all(record(frameOf(entriesOf('a', 'b')), sequenceNumber));
    const told = (records: number, sequenceNumber: string) => ({
      type: 'aggregate.misplaced',
      shardId,
      records,
      sequenceNumber,
    });
    take('1');
    expect(events).toEqual([told(2, '1')]);
    take('2');
    await clock.advance(9_999);
    take('3');
    expect(events).toHaveLength(1);
    await clock.advance(1);
    take('1');
    expect(events.slice(1)).toEqual([told(6, '1')]);
    take('4');
    made.close();
    expect(events.slice(2)).toEqual([told(2, '4')]);
    made.close();
    expect(events).toHaveLength(3);
  });
});

describe('the parts of a page', () => {
  const many = Array.from({ length: 25_000 }, () => ({ partitionKey: 'k', data: new Uint8Array(1) }));

  it('are made when they are asked for, and bounded', () => {
    const { deaggregator: made } = deaggregator();
    const page = [record(frameOf(many), '1'), record(Buffer.from('x'), '2')];
    const parts = made.parts(page);
    const first = parts.next().value;
    expect(first).toHaveLength(maxPartRecords);
    const rest = [...parts].map((part) => part.length);
    expect(Math.max(...rest)).toBeLessThanOrEqual(maxPartRecords + 1);
    expect(rest.reduce((sum, length) => sum + length, maxPartRecords)).toBe(25_001);
    const flat = [...made.parts(page)].flat();
    expect(flat.map((one) => one.subSequenceNumber)).toEqual([...many.keys(), 0]);
  });

  it('have no empty one at the end of an aggregate that fills the last', () => {
    const { deaggregator: made } = deaggregator();
    const parts = [...made.parts([record(frameOf(many.slice(0, maxPartRecords)))])];
    expect(parts.map((part) => part.length)).toEqual([maxPartRecords]);
  });
});
