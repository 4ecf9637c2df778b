import { ListShardsCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis';
import { testKinesisClient } from '../support/local-stack.ts';

/** A record that Kinesis has acknowledged. */
export interface ProducedRecord {
  readonly shardId: string;
  readonly sequenceNumber: string;
  readonly data: string;
}

/** Puts numbered records and knows each acknowledged one. */
export interface Producer extends Disposable {
  readonly produced: readonly ProducedRecord[];
  /** Puts that many more records, spread over the open shards, in one call or several. */
  produce(count: number): Promise<readonly ProducedRecord[]>;
}

/** Most records of one call. */
const maxRecordsPerCall = 500;

/** A producer for one stream of the emulator. */
export function createProducer(endpoint: string, streamName: string): Producer {
  const client = testKinesisClient(endpoint);
  const produced: ProducedRecord[] = [];
  const put = async (count: number) => {
    const open = await openHashKeys();
    const records = Array.from({ length: count }, (_, index) => {
      const number = produced.length + index;
      return {
        Data: Buffer.from(`record ${number}`),
        PartitionKey: `key ${number}`,
        ExplicitHashKey: open[number % open.length] ?? '0',
      };
    });
    const answer = await client.send(new PutRecordsCommand({ StreamName: streamName, Records: records }));
    const acknowledged = (answer.Records ?? []).flatMap(({ ShardId, SequenceNumber }, index) =>
      ShardId === undefined || SequenceNumber === undefined
        ? []
        : [{ shardId: ShardId, sequenceNumber: SequenceNumber, data: String(records[index]?.Data) }],
    );
    produced.push(...acknowledged);
    return acknowledged;
  };
  const openHashKeys = async () => {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: streamName }));
    return Shards.filter((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined).map(
      (shard) => shard.HashKeyRange?.StartingHashKey ?? '0',
    );
  };
  return {
    produced,
    produce: async (count) => {
      const all: ProducedRecord[] = [];
      // A refused record is not counted, and another one is put instead.
      while (all.length < count) all.push(...(await put(Math.min(maxRecordsPerCall, count - all.length))));
      return all;
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}
