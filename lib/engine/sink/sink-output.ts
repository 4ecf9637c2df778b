import type { Partitions } from '../given.ts';
import type { Sink, SinkContext } from './sink.ts';

/** Gives a batch to a sink: as a whole, or partition by partition. The first failure ends it. */
export async function writeToSink(
  sink: Sink<unknown>,
  partitions: Partitions,
  context: Omit<SinkContext, 'partition'>,
): Promise<void> {
  if (sink.takes !== 'partitions') return sink.write(partitions.flat(), { ...context, partition: 0 });
  for (const [partition, items] of partitions.entries()) {
    context.signal.throwIfAborted();
    await sink.write(items, { ...context, partition });
  }
}
