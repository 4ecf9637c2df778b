import { createClients } from '../../lib/app/clients.ts';
import { pause, systemClock } from '../../lib/base/clock.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { checksumOf } from '../read/page.ts';
import { benchCredentials, benchRegion, looked } from '../read/variant.ts';

// The bare codec, in a process of its own: nothing but GetRecords and a look at every record, on as many shards at once as
// the receiver reads, each no faster than Kinesis gives it. Argument: a CodecTarget as JSON. Each message is how many
// milliseconds to measure; 0 asks for the checksum of the first page.

/** What the bare codec reads. */
export interface CodecTarget {
  readonly kinesisEndpoint: string;
  readonly streamName: string;
  readonly codec: 'json' | 'cbor';
  readonly shards: number;
}

/** What a round of it took. */
export interface CodecRound {
  readonly cpuMicros: number;
  readonly records: number;
  readonly bytes: number;
}

/** Kinesis: what one shard gives. */
const bytesPerMilli = 2_000;

const { kinesisEndpoint, streamName, codec, shards } = JSON.parse(process.argv[2] ?? '{}') as CodecTarget;
const { signal } = new AbortController();
const api = createAwsKinesis({
  client: createClients({ region: benchRegion, credentials: benchCredentials, kinesisEndpoint }).kinesis,
  stream: { streamName },
  clock: systemClock,
  codec,
  events: {
    publish({ type }: { readonly type: string }): void {
      if (type === 'codec.fellBack') throw new Error(`the codec ${codec} was not used`);
    },
  },
});
const iterators = new Map<number, string>();
const seen = { records: 0, bytes: 0 };

process.on('message', (millis: number) => {
  void (millis === 0 ? checksum() : round(millis)).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());

async function checksum(): Promise<string> {
  return checksumOf((await api.getRecords({ iterator: await open(0), limit: 10_000 }, signal)).records);
}

/** Reads as the receiver does: without a break, and measured only after a quarter of the time. */
async function round(millis: number): Promise<CodecRound> {
  const whole = new AbortController();
  const reading = Promise.all(Array.from({ length: shards }, (_, shard) => readUntil(shard, whole.signal)));
  await pause(systemClock, millis / 4, signal);
  const { records, bytes } = seen;
  const before = process.cpuUsage();
  await pause(systemClock, millis, signal);
  const { user, system } = process.cpuUsage(before);
  const measured = { cpuMicros: user + system, records: seen.records - records, bytes: seen.bytes - bytes };
  whole.abort(new Error('the round is over'));
  await reading;
  return measured;
}

/**
 * Shards begin one after the other, over the time that a page of a mebibyte takes at their pace. All at once they would stay
 * in step, and their answers would come in one burst twice a second: then everything is at hand in the processor's caches,
 * as it is not when answers come as those of a real stream do.
 */
async function readUntil(shard: number, over: AbortSignal): Promise<void> {
  await pause(systemClock, (shard / shards) * (2 ** 20 / bytesPerMilli), signal);
  while (!over.aborted) {
    const at = systemClock.monotonicMillis();
    const waitMillis = at + (await readPage(shard)) / bytesPerMilli - systemClock.monotonicMillis();
    if (waitMillis > 0) await pause(systemClock, waitMillis, signal);
  }
}

async function readPage(shard: number): Promise<number> {
  const iterator = iterators.get(shard) ?? (await open(shard));
  const { records, nextIterator = iterator } = await api.getRecords({ iterator, limit: 10_000 }, signal);
  iterators.set(shard, nextIterator);
  let bytes = 0;
  for (const { data } of records) {
    seen.records += looked(data);
    bytes += data.length;
  }
  seen.bytes += bytes;
  return bytes;
}

function open(shard: number): Promise<string> {
  const shardId = `shardId-${String(shard).padStart(12, '0')}`;
  return api.getShardIterator({ shardId, start: { type: 'TRIM_HORIZON' } }, signal);
}
