import { linkedController } from '../base/abort.ts';
import { type Clock, pause, systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { type ProcessCpu, systemProcessCpu } from '../base/process-cpu.ts';
import { systemRandom } from '../base/random.ts';
import type { EventBus } from '../event/bus.ts';
import type { KinesisApi } from '../kinesis/kinesis-api.ts';
import type { Page, ShardReader } from '../kinesis/reader.ts';
import type { Shard } from '../kinesis/shard.ts';
import { listAllShards } from '../kinesis/shard-lister.ts';
import { logEvents } from '../monitor/log-events.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { openStream } from '../receiver/open-stream.ts';
import { defaultLogger } from './default-logger.ts';
import { createReading } from './reading.ts';
import { type FollowedShard, ShardsWork, filterOf } from './shards-work.ts';
import { type StreamOnlyOptions, openWithoutLeases } from './without-leases.ts';

/** What is measured: options of a consumer that are about reading, and for how long. */
export interface StreamBenchOptions extends StreamOnlyOptions {
  /** How long to read: 30. Shards that end earlier are followed by their children. */
  readonly seconds?: number;
  /** Ends the measurement early; what was measured until then counts. */
  readonly signal?: AbortSignal;
  /** Hears the figures about every second. */
  readonly onProgress?: (figures: StreamBenchFigures) => void;
}

/** What one shard gave. MB are millions of bytes of record data. */
export interface ShardBenchFigures {
  readonly shardId: string;
  /** Records as they were put: an aggregate of the KPL counts as one. */
  readonly records: number;
  readonly bytes: number;
  /** Answers of GetRecords, or events of fan-out. */
  readonly pages: number;
  readonly recordsPerSecond: number;
  readonly mbPerSecond: number;
  /** Of the last page; absent before the first. */
  readonly millisBehindLatest?: number;
  readonly isEnded: boolean;
}

/** What a stream gave. */
export interface StreamBenchFigures extends Omit<ShardBenchFigures, 'shardId' | 'isEnded'> {
  readonly streamName: string;
  readonly retrievalMode: ConsumerSettings['retrievalMode'];
  /** How long it was read. */
  readonly seconds: number;
  /** Processor time of this process meanwhile. */
  readonly cpuSeconds: number;
  readonly mbPerCpuSecond: number;
  readonly recordsPerCpuSecond: number;
  readonly shards: readonly ShardBenchFigures[];
}

const defaultSeconds = 30;
const progressMillis = 1_000;
/** The name under which its stream consumer is registered. */
const benchName = 'millrace-bench';

/**
 * Reads a stream for a bounded time and tells what it gave and took, without leases: no table is touched, no checkpoint moved.
 * By polling it uses the read limit that all consumers of a shard share; with `retrievalMode` FAN_OUT it registers a stream
 * consumer `millrace-bench`, unless told another, and deregisters it at the end.
 * @throws MillraceError `MR_CONFIG_UNKNOWN`, `MR_CONFIG_INVALID`, and what reading the stream throws
 */
export async function benchStream(options: StreamBenchOptions): Promise<StreamBenchFigures> {
  const { seconds = defaultSeconds, signal, onProgress, ...given } = options;
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 86_400) {
    throw new MillraceError('MR_CONFIG_INVALID', `seconds is ${seconds}: give a number above 0, at most 86,400`, {
      subject: { option: 'seconds' },
    });
  }
  const { api, clients, settings, events: bus } = openWithoutLeases(benchName, given);
  const unlog = logEvents(bus, settings.logger ?? defaultLogger());
  const clock = systemClock;
  const reading = createReading({ clients, api, settings, clock, random: systemRandom, events: bus });
  using life = linkedController(signal);
  const meter = new Meter(settings, clock, systemProcessCpu);
  try {
    return await run({ api, reader: reading.reader, settings, clock, events: bus, life, meter, seconds, onProgress });
  } finally {
    life.abort(measured());
    await reading.end();
    clients.destroy();
    unlog();
  }
}

interface Run {
  readonly api: KinesisApi;
  readonly reader: ShardReader;
  readonly settings: ConsumerSettings;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly life: { readonly signal: AbortSignal; abort(reason: Error): void };
  readonly meter: Meter;
  readonly seconds: number;
  readonly onProgress: ((figures: StreamBenchFigures) => void) | undefined;
}

async function run(parts: Run): Promise<StreamBenchFigures> {
  const { settings, clock, life, meter, seconds, onProgress } = parts;
  const { signal } = life;
  const shards = await shardsOf(parts).catch(rejectUnless(signal));
  meter.begin();
  const take = async (shard: FollowedShard, page: Page) => {
    meter.add(shard.shardId, page);
    return true;
  };
  const work = new ShardsWork({ reader: parts.reader, life, take });
  for (const shard of shards ?? []) work.open(shard, settings.initialPosition);
  const endMillis = clock.monotonicMillis() + seconds * 1_000;
  while (!signal.aborted && !work.isDone) {
    const leftMillis = endMillis - clock.monotonicMillis();
    if (leftMillis <= 0) break;
    await pause(clock, Math.min(progressMillis, leftMillis), signal);
    onProgress?.(meter.figures());
  }
  const figures = meter.figures();
  life.abort(measured());
  await work.settled();
  return figures;
}

async function shardsOf({ api, settings, clock, events, life }: Run): Promise<readonly Shard[]> {
  const ports = { clock, random: systemRandom, events };
  const { createdAtMillis } = await openStream(api, ports, life.signal);
  const filter = filterOf(settings.initialPosition, createdAtMillis);
  return listAllShards({ api, ...ports, signal: life.signal, filter });
}

interface ShardCount {
  records: number;
  bytes: number;
  pages: number;
  millisBehindLatest: number | undefined;
  isEnded: boolean;
}

/** Adds up what was read. */
class Meter {
  readonly #settings: ConsumerSettings;
  readonly #clock: Clock;
  readonly #cpu: ProcessCpu;
  readonly #shards = new Map<string, ShardCount>();
  #startMillis = 0;
  #startMicros = 0;

  constructor(settings: ConsumerSettings, clock: Clock, cpu: ProcessCpu) {
    this.#settings = settings;
    this.#clock = clock;
    this.#cpu = cpu;
  }

  begin(): void {
    this.#startMillis = this.#clock.monotonicMillis();
    this.#startMicros = this.#cpu.usedMicros();
  }

  add(
    shardId: string,
    page: { records: readonly unknown[]; bytes: number; millisBehindLatest: number; end?: unknown },
  ) {
    let count = this.#shards.get(shardId);
    if (count === undefined) {
      count = { records: 0, bytes: 0, pages: 0, millisBehindLatest: undefined, isEnded: false };
      this.#shards.set(shardId, count);
    }
    count.records += page.records.length;
    count.bytes += page.bytes;
    count.pages += 1;
    count.millisBehindLatest = page.millisBehindLatest;
    count.isEnded = page.end !== undefined;
  }

  figures(): StreamBenchFigures {
    const seconds = Math.max(0.001, (this.#clock.monotonicMillis() - this.#startMillis) / 1_000);
    const cpuSeconds = Math.max(1, this.#cpu.usedMicros() - this.#startMicros) / 1e6;
    const counts = [...this.#shards].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const sum = (of: (count: ShardCount) => number) => counts.reduce((total, [, count]) => total + of(count), 0);
    const lags = counts.map(([, count]) => count.millisBehindLatest ?? 0);
    const records = sum((count) => count.records);
    const bytes = sum((count) => count.bytes);
    return {
      streamName: this.#settings.streamName,
      retrievalMode: this.#settings.retrievalMode,
      seconds: rounded(seconds),
      records,
      bytes,
      pages: sum((count) => count.pages),
      recordsPerSecond: rounded(records / seconds),
      mbPerSecond: rounded(bytes / 1e6 / seconds),
      cpuSeconds: rounded(cpuSeconds),
      mbPerCpuSecond: rounded(bytes / 1e6 / cpuSeconds),
      recordsPerCpuSecond: rounded(records / cpuSeconds),
      ...(lags.length === 0 ? {} : { millisBehindLatest: Math.max(...lags) }),
      shards: counts.map(([shardId, count]) => ({
        shardId,
        records: count.records,
        bytes: count.bytes,
        pages: count.pages,
        recordsPerSecond: rounded(count.records / seconds),
        mbPerSecond: rounded(count.bytes / 1e6 / seconds),
        ...(count.millisBehindLatest === undefined ? {} : { millisBehindLatest: count.millisBehindLatest }),
        isEnded: count.isEnded,
      })),
    };
  }
}

/** An end that was asked for is no fault. */
function rejectUnless(signal: AbortSignal): (thrown: unknown) => undefined {
  return (thrown) => {
    if (!signal.aborted) throw thrown;
    return undefined;
  };
}

function measured(): MillraceError {
  return new MillraceError('MR_ABORTED', 'the measurement is over');
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
