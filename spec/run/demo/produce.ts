import { type Clock, sleep } from '../../../lib/base/clock.ts';
import type { PutReceipt, Producer } from '../../../lib/kinesis/producer.ts';
import type { WordLine, WordLines } from './word-lines.ts';
import { wordSeparator } from './word-lines.ts';

/** How often records are put. */
const putIntervalMillis = 100;
/** Most records of one put: what one call of PutRecords takes. When the service is slower than the rate, less is produced. */
const mostRecordsPerPut = 500;

/** What {@link produce} needs. */
export interface ProduceOptions {
  readonly producer: Producer;
  readonly lines: WordLines;
  readonly clock: Clock;
  readonly seconds: number;
  /** Records a second. */
  readonly rate: number;
  /** Told of each line that Kinesis has acknowledged. */
  readonly onAcknowledged: (receipt: PutReceipt, line: WordLine) => void;
}

/**
 * Puts lines at an even rate for the given time.
 * @throws what the producer throws; the signal's reason when it aborts
 */
export async function produce(options: ProduceOptions, signal: AbortSignal): Promise<void> {
  const { producer, lines, clock, seconds, rate, onAcknowledged } = options;
  const startedMillis = clock.monotonicMillis();
  const encoder = new TextEncoder();
  let offered = 0;
  for (;;) {
    const elapsedMillis = Math.min(clock.monotonicMillis() - startedMillis, seconds * 1_000);
    const chunk = lines.take(recordsDue({ elapsedMillis, rate, offered }));
    offered += chunk.length;
    const entries = chunk.map(({ words, partitionKey }) => ({
      data: encoder.encode(words.join(wordSeparator)),
      partitionKey,
    }));
    const receipts = await producer.putAll(entries, signal);
    for (const [index, receipt] of receipts.entries()) onAcknowledged(receipt, chunk[index] as WordLine);
    if (elapsedMillis >= seconds * 1_000) return;
    const nextMillis = (Math.floor(elapsedMillis / putIntervalMillis) + 1) * putIntervalMillis;
    await sleep(clock, startedMillis + nextMillis - clock.monotonicMillis(), signal);
  }
}

/** How many records are to be put now, so that `rate` a second have been put since the start. */
export function recordsDue(at: { elapsedMillis: number; rate: number; offered: number }): number {
  const due = Math.floor((at.elapsedMillis * at.rate) / 1_000) - at.offered;
  return Math.min(Math.max(0, due), mostRecordsPerPut);
}
