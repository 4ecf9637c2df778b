import { createClients } from '../../lib/app/clients.ts';
import { pause, systemClock } from '../../lib/base/clock.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { checksumOf } from '../read/page.ts';
import { benchCredentials, benchRegion, looked } from '../read/variant.ts';

// The bare codec, in a process of its own: nothing but GetRecords and a look at every record, on as many shards at once as
// the receiver reads, each no faster than Kinesis gives it. Argument: a CodecTarget as JSON. Each message is how many
// milliseconds to read; 0 asks for the checksum of the first page.

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

async function round(millis: number): Promise<CodecRound> {
  const { records, bytes } = seen;
  const before = process.cpuUsage();
  const until = systemClock.monotonicMillis() + millis;
  await Promise.all(Array.from({ length: shards }, (_, shard) => readUntil(shard, until)));
  const { user, system } = process.cpuUsage(before);
  return { cpuMicros: user + system, records: seen.records - records, bytes: seen.bytes - bytes };
}

async function readUntil(shard: number, until: number): Promise<void> {
  for (let at = systemClock.monotonicMillis(); at < until; at = systemClock.monotonicMillis()) {
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
