import { describe, expect, it } from 'vitest';
import { decodeSubscribeEvent } from '../../../lib/kinesis/codec/subscribe-event.ts';

const record = {
  SequenceNumber: '49590338271490256608559692538361571095921575989136588898',
  ApproximateArrivalTimestamp: 1_700_000_000.123,
  Data: Buffer.from('hello').toString('base64'),
  PartitionKey: 'k',
  EncryptionType: 'NONE',
};

function event(fields: object): Buffer {
  return Buffer.from(JSON.stringify({ Records: [record], MillisBehindLatest: 5, ...fields }));
}

describe('decodeSubscribeEvent', () => {
  it('reads records, the continuation number and the lag', () => {
    const decoded = decodeSubscribeEvent([event({ ContinuationSequenceNumber: '123', ChildShards: null })]);
    expect(decoded).toMatchObject({ continuationSequenceNumber: '123', millisBehindLatest: 5, childShards: [] });
    const [first] = decoded.records;
    expect([String(Buffer.from(first?.data ?? [])), first?.arrivalTimeMillis]).toEqual(['hello', 1_700_000_000_123]);
  });

  it('reads the end of a shard: its children, and no continuation number', () => {
    const HashKeyRange = { StartingHashKey: '0', EndingHashKey: '9' };
    const child = { ShardId: 'shardId-1', ParentShards: ['shardId-0'], HashKeyRange };
    expect(decodeSubscribeEvent([event({ Records: [], ChildShards: [child] })])).toMatchObject({
      records: [],
      continuationSequenceNumber: undefined,
      childShards: [{ shardId: 'shardId-1', parentShardIds: ['shardId-0'], startingHashKey: '0', endingHashKey: '9' }],
    });
  });

  it.each([
    ['garbage', Buffer.from('<html>')],
    ['cut short', event({}).subarray(0, -1)],
    ['another shape', Buffer.from('{"message":"no"}')],
    ['no lag', event({ MillisBehindLatest: null })],
    ['nothing', Buffer.alloc(0)],
  ])('throws UnreadableAnswer for %s', (_, payload) => {
    expect(() => decodeSubscribeEvent([payload])).toThrow(expect.objectContaining({ name: 'UnreadableAnswer' }));
  });
});
