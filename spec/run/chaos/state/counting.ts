import type { DStream, KinesisRecord } from '../../../../lib/index.ts';

/** What the outputs of the counting program do. */
export interface CountingOutputs {
  /** Called for each record, in the program's own function. */
  readonly onRecord: () => void;
}

/**
 * Counts the records of each key. In `shard` scope by partition key, so that every shard is a group of its own; in
 * `application` scope by a key that the program makes.
 */
export function countByKey(
  lines: DStream<KinesisRecord>,
  scope: 'shard' | 'application',
  { onRecord }: CountingOutputs,
) {
  const keyed =
    scope === 'shard'
      ? lines.keyByPartitionKey()
      : lines.mapToPair((record): [string, KinesisRecord] => [record.partitionKey, record]);
  return keyed
    .mapValues((record) => {
      onRecord();
      return record.text();
    })
    .updateStateByKey<number>('counts', (values, count = 0) => count + values.length);
}
