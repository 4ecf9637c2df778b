import { createHash } from 'node:crypto';
import { systemClock } from '../lib/base/clock.ts';
import { SnapshotFold } from '../lib/monitor/snapshot/fold.ts';
import { changeBetween } from '../lib/web/change.ts';
import { type PageState, PageStates } from '../lib/web/page-state.ts';
import { benchCommand } from './command.ts';
import { medianOf, rounded } from './statistics.ts';

/** What a measurement is of. */
export interface SnapshotBenchOptions {
  readonly shards: number;
  /** Ticks that are measured for each share of changed shards, after a third as many to warm up. */
  readonly ticks: number;
}

/** What one tick takes, milliseconds of wall time, the median. */
export interface TickFigures {
  /** Shards that were read since the tick before. */
  readonly changedShards: number;
  /** To take one event in. 0 where none came. */
  readonly eventMicros: number;
  /** To make the snapshot of the events so far. */
  readonly snapshotMillis: number;
  /** To find what has changed for the page, and to write it out. */
  readonly tellMillis: number;
  /** Bytes that one browser is told. */
  readonly toldBytes: number;
  /** Rows of shards that are other objects than at the tick before. */
  readonly rebuiltRows: number;
}

/** What was measured. */
export interface SnapshotBenchResult extends SnapshotBenchOptions {
  /** By the share of shards that are read between two ticks. */
  readonly read: Readonly<Record<Share, TickFigures>>;
  /** Of all that was told: shows that nobody made it fast by telling less. */
  readonly checksum: string;
}

const shares = { none: 0, tenth: 0.1, all: 1 } as const;
type Share = keyof typeof shares;

/** `npm run bench -- snapshot`. */
export const snapshotBench = benchCommand({
  summary: 'What one tick of the page takes of a worker with many shards.',
  options: {
    shards: { kind: 'number', fallback: 1_000, least: 1, most: 100_000, help: 'shards that the worker holds' },
    ticks: { kind: 'number', fallback: 60, least: 1, most: 10_000, help: 'ticks for each share of shards read' },
  },
  run: async (options, say) => {
    const result = benchSnapshot(options);
    say(`${result.shards} shards, a tick:`);
    for (const [share, figures] of Object.entries(result.read)) {
      const { eventMicros, snapshotMillis, tellMillis, toldBytes, rebuiltRows } = figures;
      say(
        `${share.padEnd(6)} read: an event ${eventMicros} us, snapshot ${snapshotMillis} ms, telling ${tellMillis} ms, ${toldBytes} bytes, ${rebuiltRows} rows rebuilt`,
      );
    }
    return { ...result };
  },
});

const tickMillis = 1_000;
const origin = { receiverId: 0, streamName: 'orders', workerIdentifier: 'worker-1' };

/** Measures ticks of one worker with more and more of its shards read in between. */
export function benchSnapshot({ shards, ticks }: SnapshotBenchOptions): SnapshotBenchResult {
  const hash = createHash('sha256');
  const read = Object.fromEntries(
    Object.entries(shares).map(([share, part]) => {
      return [share, ticksOf({ shards, ticks }, Math.round(shards * part), (text) => hash.update(text))];
    }),
  ) as Record<Share, TickFigures>;
  return { shards, ticks, read, checksum: hash.digest('hex').slice(0, 16) };
}

function ticksOf(
  { shards, ticks }: SnapshotBenchOptions,
  changedShards: number,
  told: (text: string) => void,
): TickFigures {
  const worker = new Worker(shards);
  const states = new PageStates();
  const times = { work: [] as number[], snapshot: [] as number[], tell: [] as number[] };
  let before: PageState = states.of(worker.fold.snapshot(worker.nowMillis));
  let toldBytes = 0;
  let rebuiltRows = 0;
  for (let tick = -Math.ceil(ticks / 3); tick < ticks; tick += 1) {
    const idleMillis = systemClock.monotonicMillis();
    worker.work(changedShards);
    const begunMillis = systemClock.monotonicMillis();
    const snapshot = worker.fold.snapshot(worker.nowMillis);
    const takenMillis = systemClock.monotonicMillis();
    const after = states.of(snapshot);
    const text = JSON.stringify(changeBetween(before, after));
    const toldMillis = systemClock.monotonicMillis();
    if (tick >= 0) {
      times.work.push(begunMillis - idleMillis);
      times.snapshot.push(takenMillis - begunMillis);
      times.tell.push(toldMillis - takenMillis);
    }
    const known = new Set<unknown>(before.shards);
    rebuiltRows = after.shards.filter((shard) => !known.has(shard)).length;
    toldBytes = text.length;
    told(text);
    before = after;
  }
  return {
    changedShards,
    eventMicros: changedShards === 0 ? 0 : rounded((1_000 * medianOf(times.work)) / (2 * changedShards), 2),
    snapshotMillis: rounded(medianOf(times.snapshot), 3),
    tellMillis: rounded(medianOf(times.tell), 3),
    toldBytes,
    rebuiltRows,
  };
}

/** A worker as far as its events go. */
class Worker {
  readonly fold = new SnapshotFold({ startedAtMillis: 0, location: 'host-1', receivers: [origin] });
  readonly #names: readonly string[];
  nowMillis = 0;
  #next = 0;
  #sequence = 0;

  constructor(shards: number) {
    this.#names = Array.from({ length: shards }, (_, index) => `shardId-${`${index}`.padStart(12, '0')}`);
    for (const leaseKey of this.#names) {
      this.fold.add({ type: 'lease.gained', leaseKey, tenure: 1, checkpoint: 'TRIM_HORIZON' }, 0, origin);
    }
    this.work(shards);
  }

  /** A tick's time passes, in which so many shards are read, sealed and checkpointed, in turn. */
  work(changedShards: number): void {
    this.nowMillis += tickMillis;
    for (let count = 0; count < changedShards; count += 1) {
      const shardId = this.#names[this.#next % this.#names.length] ?? '';
      this.#next += 1;
      this.#sequence += 1;
      const through = `4959${`${this.#sequence}`.padStart(20, '0')}:0`;
      this.#tell({ type: 'shard.read', shardId, records: 10, bytes: 1_000, millisBehindLatest: this.#sequence % 100 });
      this.#tell({ type: 'lease.checkpointed', leaseKey: shardId, tenure: 1, checkpoint: through });
    }
  }

  #tell(event: Parameters<SnapshotFold['add']>[0]): void {
    this.fold.add(event, this.nowMillis, origin);
  }
}
