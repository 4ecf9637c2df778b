import { sleep, systemClock } from '../../lib/base/clock.ts';
import { looked } from '../read/variant.ts';

// A whole worker in a process of its own: leases, blocks, acks, checkpoints, and a handler that looks at every record. It
// works only while a round lasts; between rounds the handler does not return, so that reading stops.

/** Where the worker reads and how. */
export interface ReceiverTarget {
  readonly kinesisEndpoint: string;
  readonly dynamoDBEndpoint: string;
  readonly streamName: string;
  readonly codec: 'json' | 'cbor';
  readonly maxBufferedBytes: number;
  readonly bufferCollection: 'early' | 'v8';
}

/**
 * What the parent asks: to tell what is resident, to wait until so many shards were read, to work for a time and tell what it
 * took, to be slow.
 */
export type ReceiverQuestion =
  | { readonly kind: 'resident' }
  | { readonly kind: 'ready'; readonly shards: number }
  | { readonly kind: 'round'; readonly warmUpMillis: number; readonly millis: number }
  | { readonly kind: 'slow'; readonly millis: number; readonly blockMillis: number };

/** What a round took. */
export interface ReceiverRound {
  readonly cpuMicros: number;
  readonly records: number;
  readonly bytes: number;
  /** The most that was resident, in megabytes of a million bytes: a sample every 100 ms of this round. */
  readonly residentMegabytes: number;
  /**
   * Only of a slow round: the most that buffers held just after all garbage was collected, beyond what they held at the start,
   * in the same unit; looked at ten times after the rest of the round. So these are bytes that something refers to.
   */
  readonly pinnedMegabytes?: number;
}

/** The time in which Kinesis gives a page of a mebibyte of one shard. */
const pageMillis = 2 ** 20 / 2_000;
const seen = { records: 0, bytes: 0, shards: new Set<string>() };
let gate = closedGate();
let blockMillis = 0;
const looks = 10;
const buffersAtStart = buffersInUse();

/** What the handler looks at. */
interface SeenBatch {
  readonly shardId: string;
  readonly records: readonly { readonly data: Uint8Array }[];
}

/**
 * Looks at every record of a block, while a round lasts. When one begins, shards go on at moments spread over the time of a
 * page, as those of the bare codec do: all at once they would stay in step, and their answers come in one burst twice a
 * second, as those of a real stream do not.
 */
export async function lookAtBlock({ records, shardId }: SeenBatch): Promise<void> {
  if (!gate.isOpen) {
    await gate.passed;
    await sleep(systemClock, Math.random() * pageMillis);
  }
  if (blockMillis > 0) await sleep(systemClock, blockMillis);
  let count = 0;
  let bytes = 0;
  for (const { data } of records) {
    count += looked(data);
    bytes += data.length;
  }
  seen.records += count;
  seen.bytes += bytes;
  seen.shards.add(shardId);
}

/** Answers the parent's questions, and ends with the parent. `page` knows the address of the page where there is one. */
export function answerParent(page: () => Promise<string> = () => Promise.resolve('')): void {
  process.on('message', (question: ReceiverQuestion | { readonly kind: 'page' }) => {
    const answered = question.kind === 'page' ? page() : answer(question);
    void answered.then((result) => process.send?.(result));
  });
  process.on('disconnect', () => process.exit());
}

async function answer(question: ReceiverQuestion): Promise<ReceiverRound | number> {
  if (question.kind === 'resident') return process.memoryUsage.rss() / 1e6;
  open();
  if (question.kind === 'ready') {
    while (seen.shards.size < question.shards) await sleep(systemClock, 100);
    close();
    return seen.shards.size;
  }
  if (question.kind === 'slow') {
    blockMillis = question.blockMillis;
    const round = await measured(question.millis);
    const pinnedMegabytes = await pinned(question.millis);
    blockMillis = 0;
    close();
    return { ...round, pinnedMegabytes };
  }
  // What was buffered while the gate was closed is not this round's work.
  await sleep(systemClock, question.warmUpMillis);
  const round = await measured(question.millis);
  close();
  return round;
}

async function measured(millis: number): Promise<ReceiverRound> {
  const { records, bytes } = seen;
  const before = process.cpuUsage();
  const until = systemClock.monotonicMillis() + millis;
  let resident = 0;
  while (systemClock.monotonicMillis() < until) {
    await sleep(systemClock, 100);
    resident = Math.max(resident, process.memoryUsage.rss());
  }
  const { user, system } = process.cpuUsage(before);
  return {
    cpuMicros: user + system,
    records: seen.records - records,
    bytes: seen.bytes - bytes,
    residentMegabytes: resident / 1e6,
  };
}

async function pinned(millis: number): Promise<number> {
  let most = 0;
  for (let look = 0; look < looks; look += 1) {
    await sleep(systemClock, millis / looks);
    most = Math.max(most, buffersInUse() - buffersAtStart);
  }
  return most / 1e6;
}

function buffersInUse(): number {
  // Buffers are freed by another thread after a collection; the next one waits until that is done.
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().arrayBuffers;
}

function open(): void {
  gate.open();
}

function close(): void {
  gate = closedGate();
}

/** Where the handler waits between rounds. */
interface Gate {
  isOpen: boolean;
  readonly passed: Promise<void>;
  readonly open: () => void;
}

function closedGate(): Gate {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  const made: Gate = {
    isOpen: false,
    passed,
    open: () => {
      made.isOpen = true;
      pass();
    },
  };
  return made;
}
