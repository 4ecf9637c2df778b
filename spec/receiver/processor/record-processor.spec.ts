import { describe, expect, it } from 'vitest';
import { BlockLanes } from '../../../lib/app/block-lanes.ts';
import type { MillraceError } from '../../../lib/base/error.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { formatPosition } from '../../../lib/base/position.ts';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import type { FailurePolicy } from '../../../lib/receiver/failure-policy.ts';
import { ProcessorRun } from '../../../lib/receiver/processor/processor-run.ts';
import type {
  CheckpointMode,
  InitializationInput,
  RecordProcessorCheckpointer,
  ShardRecordProcessor,
} from '../../../lib/receiver/processor/record-processor.ts';
import { Fleet, type Worker, type WorkerOptions, wait } from '../fleet.ts';

const policy: FailurePolicy = {
  maximumRetryAttempts: -1,
  maximumRecordAgeInSeconds: -1,
  bisectBatchOnFunctionError: false,
  // oxlint-disable-next-line unicorn/no-thenable -- the name is Lambda's
  then: 'STOP',
};

type Hooks = Partial<ShardRecordProcessor>;

/** A worker that runs processors, which note every call; `of` gives more for a shard. */
class Processed {
  readonly worker: Worker;
  readonly calls: string[] = [];
  readonly numbers: number[] = [];
  readonly initialized: InitializationInput[] = [];
  readonly checkpointers = new Map<string, RecordProcessorCheckpointer>();
  failure: unknown;
  readonly dispatched: Promise<void>;

  constructor(
    fleet: Fleet,
    name: string,
    mode: CheckpointMode,
    hooks: Hooks = {},
    { onFailure = policy, ...options }: WorkerOptions & { readonly onFailure?: FailurePolicy } = {},
  ) {
    this.worker = fleet.start(name, { ...options, drinks: false });
    const { receiver, process } = this.worker;
    const lanes = new BlockLanes(process);
    const run = new ProcessorRun({
      source: receiver,
      processors: { shardRecordProcessor: ({ shardId }) => this.#processor(shardId, hooks) },
      mode,
      policy: onFailure,
      clock: process,
      random: seededRandom(1),
      events: { publish: (event) => void this.worker.events.push(event) },
      serviceTimeMillis: () => fleet.kinesis.nowMillis(),
      retentionMillis: () => this.worker.receiver.retentionMillis,
      afterWork: (shardId, job) => lanes.add(shardId, job),
    });
    const signals = { run: new AbortController().signal, ended: new AbortController().signal };
    this.dispatched = lanes
      .dispatch({ blocks: receiver.blocks, finish: (block, signal) => run.finish(block, signal), signals })
      .catch((thrown: unknown) => {
        this.failure = thrown;
      });
  }

  #processor(shardId: string, hooks: Hooks): ShardRecordProcessor {
    const note = (call: string) => void this.calls.push(call);
    return {
      initialize: async (input) => {
        note('initialize');
        this.initialized.push(input);
        await hooks.initialize?.(input);
      },
      processRecords: async (input) => {
        this.checkpointers.set(shardId, input.checkpointer);
        await hooks.processRecords?.(input);
        this.numbers.push(...input.records.map((record) => Number(record.text())));
        note(`processRecords ${input.records.length}`);
      },
      leaseLost: async (input) => {
        note('leaseLost');
        await hooks.leaseLost?.(input);
      },
      shardEnded: async (input) => {
        note('shardEnded');
        await hooks.shardEnded?.(input);
      },
      shutdownRequested: async (input) => {
        note('shutdownRequested');
        await hooks.shutdownRequested?.(input);
      },
    };
  }
}

const numberOf = (record: KinesisRecord) => Number(record.text());
const only = (fleet: Fleet) => fleet.kinesis.openShards[0]?.shardId as string;
const last = (fleet: Fleet) => `${fleet.produced.at(-1)?.sequenceNumber}:0`;
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fulfilled',
    (thrown: unknown) => (thrown as MillraceError).code,
  );

/** Fails for every batch that has one of these numbers. */
const failingFor =
  (...numbers: readonly number[]): NonNullable<Hooks['processRecords']> =>
  ({ records }) => {
    if (records.some((record) => numbers.includes(Number(record.text())))) throw new Error('poison');
  };

describe('a record processor with automatic checkpoints', () => {
  it('lives: initialize, processRecords, shutdownRequested at the drain; what it returned from is checkpointed', async () => {
    const fleet = new Fleet();
    fleet.put(5);
    const one = new Processed(fleet, 'a', 'automatic');
    await fleet.clock.runUntil(() => one.numbers.length === 5);
    await fleet.clock.runUntil(one.worker.drain());
    expect(one.calls).toEqual(['initialize', 'processRecords 5', 'shutdownRequested']);
    expect(one.initialized[0]?.extendedSequenceNumber).toEqual({
      sequenceNumber: 'TRIM_HORIZON',
      subSequenceNumber: 0,
    });
    expect(fleet.checkpoints[only(fleet)]).toBe(last(fleet));
    fleet.put(2);
    const next = new Processed(fleet, 'b', 'automatic');
    await fleet.clock.runUntil(() => next.numbers.length === 2);
    expect(next.numbers).toEqual([5, 6]);
    expect(next.initialized[0]?.extendedSequenceNumber.sequenceNumber).toBe(fleet.produced[4]?.sequenceNumber);
  });

  it('hears of the end of the shard once, after the last records, and the children follow', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const one = new Processed(fleet, 'a', 'automatic');
    await fleet.clock.runUntil(() => one.numbers.length === 3);
    fleet.kinesis.split(only(fleet));
    fleet.put(4);
    await fleet.clock.runUntil(() => one.numbers.length === 7, { atMostMillis: 60_000 });
    expect(one.calls.filter((call) => call === 'shardEnded')).toHaveLength(1);
    expect(one.calls.indexOf('shardEnded')).toBe(2);
    expect(one.calls).not.toContain('leaseLost');
  });

  it('is tried again by the failure policy, be it initialize or processRecords that throws', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    let failures = 4;
    const fail = () => {
      failures -= 1;
      if (failures >= 0) throw new Error('injected');
    };
    const one = new Processed(fleet, 'a', 'automatic', { initialize: fail, processRecords: fail });
    await fleet.clock.runUntil(() => fleet.isCheckpointed && one.numbers.length === 3, { atMostMillis: 60_000 });
    expect(one.numbers).toEqual([0, 1, 2]);
    expect(one.calls.filter((call) => call === 'initialize').length).toBe(5);
  });

  it('has the one record it fails for found by halving and written to the dead letter; the rest is checkpointed', async () => {
    const fleet = new Fleet();
    fleet.put(8);
    const letters: number[] = [];
    const write = async (records: readonly KinesisRecord[]) => void letters.push(...records.map(numberOf));
    // oxlint-disable-next-line unicorn/no-thenable -- the name is Lambda's
    const onFailure = { ...policy, maximumRetryAttempts: 1, bisectBatchOnFunctionError: true, then: { write } };
    const one = new Processed(fleet, 'a', 'automatic', { processRecords: failingFor(5) }, { onFailure });
    await fleet.clock.runUntil(() => one.numbers.length === 7 && fleet.isCheckpointed, { atMostMillis: 60_000 });
    expect(one.numbers).toEqual([0, 1, 2, 3, 4, 6, 7]);
    expect(letters).toEqual([5]);
    expect(one.worker.eventsOf('records.skipped')).toMatchObject([{ records: 1, to: 'deadLetter', message: 'poison' }]);
  });

  it('ends the run with MR_HANDLER_FAILED when its attempts are used up, nothing checkpointed, the age told against retention', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const onFailure = { ...policy, maximumRetryAttempts: 3 };
    const one = new Processed(fleet, 'a', 'automatic', { processRecords: failingFor(1) }, { onFailure });
    await fleet.clock.runUntil(() => one.failure !== undefined, { atMostMillis: 60_000 });
    expect(one.failure).toMatchObject({ code: 'MR_HANDLER_FAILED' });
    expect(one.numbers).toEqual([]);
    expect(fleet.checkpoints[only(fleet)]).toBe('TRIM_HORIZON');
    const [stuck] = one.worker.eventsOf('batch.stuck');
    const retentionMillis = 24 * 3_600_000;
    expect(stuck).toMatchObject({ attempts: 3, retentionMillis });
    expect(stuck?.leftMillis).toBe(retentionMillis - (stuck?.ageMillis ?? 0));
  });

  it('leaves out what is older than maximumRecordAgeInSeconds, and goes on', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    // oxlint-disable-next-line unicorn/no-thenable -- the name is Lambda's
    const onFailure = { ...policy, maximumRecordAgeInSeconds: 20, then: 'SKIP' } as const;
    const one = new Processed(fleet, 'a', 'automatic', { processRecords: failingFor(0, 1, 2) }, { onFailure });
    await fleet.clock.advance(15_000);
    expect(one.worker.eventsOf('records.skipped')).toEqual([]);
    await fleet.clock.runUntil(() => fleet.isCheckpointed, { atMostMillis: 120_000 });
    fleet.put(1);
    await fleet.clock.runUntil(() => one.numbers.length === 1, { atMostMillis: 60_000 });
    expect(one.numbers).toEqual([3]);
    const skipped = one.worker.eventsOf('records.skipped').reduce((sum, event) => sum + event.records, 0);
    expect(skipped).toBe(3);
  });

  it('hears that the lease is lost after its running call, and is refused a checkpoint then', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const one = new Processed(fleet, 'a', 'automatic', { processRecords: () => wait(one.worker, 20_000) });
    await fleet.clock.runUntil(() => one.checkpointers.size === 1);
    one.worker.process.pause();
    const two = new Processed(fleet, 'b', 'automatic');
    await fleet.clock.runUntil(() => two.numbers.length === 3, { atMostMillis: 60_000 });
    one.worker.process.resume();
    await fleet.clock.runUntil(() => one.calls.includes('leaseLost'), { atMostMillis: 60_000 });
    expect(one.calls).toEqual(['initialize', 'processRecords 3', 'leaseLost']);
    const checkpointer = one.checkpointers.get(only(fleet)) as RecordProcessorCheckpointer;
    expect(await fleet.clock.runUntil(codeOf(checkpointer.checkpoint()))).toBe('MR_LEASE_LOST');
  });

  it('may not prepare a checkpoint, which the next automatic one would remove', async () => {
    const fleet = new Fleet();
    fleet.put(1);
    const one = new Processed(fleet, 'a', 'automatic');
    await fleet.clock.runUntil(() => one.numbers.length === 1);
    const checkpointer = one.checkpointers.get(only(fleet)) as RecordProcessorCheckpointer;
    expect(await codeOf(checkpointer.prepareCheckpoint())).toBe('MR_CONFIG_INVALID');
  });

  it('that throws in shutdownRequested or leaseLost keeps neither a stop nor a handoff from a clean end', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    fleet.put(10);
    const fail = () => {
      throw new Error('injected');
    };
    const one = new Processed(fleet, 'a', 'automatic', { shutdownRequested: fail, leaseLost: fail });
    await fleet.clock.runUntil(() => one.numbers.length === 10);
    const two = new Processed(fleet, 'b', 'automatic');
    await fleet.clock.runUntil(() => one.calls.includes('leaseLost'), { atMostMillis: 60_000 });
    await fleet.clock.runUntil(one.worker.drain());
    expect(one.worker.outcome).toBe('resolved');
    expect(one.failure).toBeUndefined();
    const told = one.worker.eventsOf('fault.seen').filter(({ code }) => code === 'MR_HANDLER_FAILED');
    expect(told.length).toBeGreaterThanOrEqual(3);
    fleet.put(10);
    await fleet.clock.runUntil(() => two.numbers.length === 10, { atMostMillis: 60_000 });
  });

  it.each([['processRecords'], ['shutdownRequested']] as const)(
    'whose %s never returns is cut off by the deadline of the drain; the leases still go back',
    async (call) => {
      const fleet = new Fleet();
      fleet.put(1);
      const one = new Processed(fleet, 'a', 'automatic', { [call]: () => new Promise<void>(() => {}) });
      await fleet.clock.runUntil(() => one.calls.includes('initialize'));
      await fleet.clock.advance(2_000);
      const drained = codeOf(one.worker.drain(5_000));
      expect(await fleet.clock.runUntil(drained)).toBe('MR_DRAIN_TIMEOUT');
      expect(fleet.owners[only(fleet)]).toBe('');
    },
  );
});

describe('a record processor with manual checkpoints', () => {
  it('checkpoints what it says, and no more: a stop repeats the rest, and waits for nothing', async () => {
    const fleet = new Fleet();
    fleet.put(6);
    const one = new Processed(fleet, 'a', 'manual', {
      processRecords: ({ records, checkpointer }) => checkpointer.checkpoint(records[1]),
    });
    await fleet.clock.runUntil(() => one.numbers.length === 6);
    expect(fleet.checkpoints[only(fleet)]).toBe(`${fleet.produced[1]?.sequenceNumber}:0`);
    await fleet.clock.runUntil(one.worker.drain(), { atMostMillis: 2_000 });
    expect(one.worker.outcome).toBe('resolved');
    const two = new Processed(fleet, 'b', 'manual');
    await fleet.clock.runUntil(() => two.numbers.length === 4);
    expect(two.numbers).toEqual([2, 3, 4, 5]);
  });

  it('is under the failure policy as well: what is skipped moves no checkpoint, its own next one passes over it', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    // oxlint-disable-next-line unicorn/no-thenable -- the name is Lambda's
    const onFailure = { ...policy, maximumRetryAttempts: 1, then: 'SKIP' } as const;
    const one = new Processed(fleet, 'a', 'manual', { processRecords: failingFor(1) }, { onFailure });
    await fleet.clock.runUntil(() => one.worker.eventsOf('records.skipped').length === 1, { atMostMillis: 60_000 });
    await fleet.clock.advance(30_000);
    expect(fleet.checkpoints[only(fleet)]).toBe('TRIM_HORIZON');
    fleet.put(2);
    await fleet.clock.runUntil(() => one.numbers.length === 2, { atMostMillis: 60_000 });
    expect(one.numbers).toEqual([3, 4]);
    expect(fleet.checkpoints[only(fleet)]).toBe('TRIM_HORIZON');
    await fleet.clock.runUntil(one.checkpointers.get(only(fleet))?.checkpoint() ?? Promise.reject(new Error('none')));
    expect(fleet.checkpoints[only(fleet)]).toBe(last(fleet));
  });

  it('never has records left out where nobody allowed it: it is tried until it succeeds', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    let attempts = 0;
    const one = new Processed(fleet, 'a', 'manual', {
      processRecords: () => {
        attempts += 1;
        if (attempts <= 12) throw new Error('not yet');
      },
    });
    await fleet.clock.runUntil(() => one.numbers.length === 3, { atMostMillis: 600_000 });
    expect(attempts).toBe(13);
    expect(one.numbers).toEqual([0, 1, 2]);
    expect(one.worker.eventsOf('records.skipped')).toEqual([]);
  });

  it('gets more than maxUnackedBlocks blocks although it never checkpoints', async () => {
    const fleet = new Fleet();
    const one = new Processed(fleet, 'a', 'manual', {}, { blockMaxRecords: 1, maxUnackedBlocks: 2 });
    fleet.put(50);
    await fleet.clock.runUntil(() => one.numbers.length === 50, { atMostMillis: 60_000 });
    expect(fleet.checkpoints[only(fleet)]).toBe('TRIM_HORIZON');
  });

  it('checkpoints in shutdownRequested, so that a drain and a handoff repeat nothing', async () => {
    const fleet = new Fleet({ shardCount: 4 });
    const hooks: Hooks = { shutdownRequested: ({ checkpointer }) => checkpointer.checkpoint() };
    const one = new Processed(fleet, 'a', 'manual', hooks);
    fleet.put(20);
    await fleet.clock.runUntil(() => one.numbers.length === 20);
    const two = new Processed(fleet, 'b', 'manual', hooks);
    await fleet.clock.runUntil(() => one.calls.filter((call) => call === 'leaseLost').length === 2, {
      atMostMillis: 60_000,
    });
    fleet.put(20);
    await fleet.clock.runUntil(() => one.numbers.length + two.numbers.length >= 40, { atMostMillis: 60_000 });
    await fleet.clock.runUntil(Promise.all([one.worker.drain(), two.worker.drain()]));
    const all = [...one.numbers, ...two.numbers].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 40 }, (_, number) => number));
    expect(fleet.isCheckpointed).toBe(true);
  });

  it('must checkpoint the end of its shard: shardEnded is called again until it does', async () => {
    const fleet = new Fleet();
    fleet.put(2);
    let ends = 0;
    const one = new Processed(fleet, 'a', 'manual', {
      shardEnded: async ({ checkpointer }) => {
        ends += 1;
        if (ends === 3) await checkpointer.checkpoint();
      },
    });
    const parent = only(fleet);
    await fleet.clock.runUntil(() => one.numbers.length === 2);
    fleet.kinesis.split(parent);
    fleet.put(3);
    await fleet.clock.runUntil(() => one.numbers.length === 5, { atMostMillis: 60_000 });
    expect(ends).toBe(3);
    expect(one.calls.filter((call) => call === 'processRecords 2')).toHaveLength(1);
    expect(fleet.checkpoints[parent] ?? 'SHARD_END').toBe('SHARD_END');
  });

  it('cannot have the end of its shard skipped: what it has not checkpointed would count as finished', async () => {
    const fleet = new Fleet();
    fleet.put(2);
    let ends = 0;
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    const onFailure = { ...policy, maximumRetryAttempts: 0, maximumRecordAgeInSeconds: 1, then: 'SKIP' as const };
    const hooks: Hooks = {
      shardEnded: async ({ checkpointer }) => {
        ends += 1;
        if (ends === 5) await checkpointer.checkpoint();
      },
    };
    const one = new Processed(fleet, 'a', 'manual', hooks, { onFailure });
    const parent = only(fleet);
    await fleet.clock.runUntil(() => one.numbers.length === 2);
    fleet.kinesis.split(parent);
    fleet.put(3);
    await fleet.clock.runUntil(() => ends === 4, { atMostMillis: 60_000 });
    expect(fleet.checkpoints[parent]).toBe('TRIM_HORIZON');
    expect(one.numbers).toEqual([0, 1]);
    expect(one.worker.eventsOf('batch.stuck')[0]?.message).toContain('MR_END_NOT_CHECKPOINTED');
    await fleet.clock.runUntil(() => one.numbers.length === 5, { atMostMillis: 60_000 });
    expect(ends).toBe(5);
    expect(one.worker.eventsOf('records.skipped')).toEqual([]);
  });

  it('ends the run with the reason when the end of its shard is not checkpointed and onFailure says STOP', async () => {
    const fleet = new Fleet();
    fleet.put(2);
    const onFailure = { ...policy, maximumRetryAttempts: 2 };
    const one = new Processed(fleet, 'a', 'manual', {}, { onFailure });
    const parent = only(fleet);
    await fleet.clock.runUntil(() => one.numbers.length === 2);
    fleet.kinesis.split(parent);
    await fleet.clock.runUntil(() => one.failure !== undefined, { atMostMillis: 60_000 });
    expect(one.failure).toMatchObject({
      code: 'MR_HANDLER_FAILED',
      cause: { code: 'MR_END_NOT_CHECKPOINTED', subject: { shard: parent } },
    });
    expect(one.calls.filter((call) => call === 'shardEnded')).toHaveLength(3);
    expect(fleet.checkpoints[parent]).toBe('TRIM_HORIZON');
  });

  it('refuses to go back, to go beyond what was handed out, and what is no sequence number', async () => {
    const fleet = new Fleet();
    fleet.put(3);
    const one = new Processed(fleet, 'a', 'manual');
    await fleet.clock.runUntil(() => one.numbers.length === 3);
    const [first, second, third] = fleet.produced.map(({ sequenceNumber }) => sequenceNumber);
    const checkpointer = one.checkpointers.get(only(fleet)) as RecordProcessorCheckpointer;
    const outcome = (...args: Parameters<RecordProcessorCheckpointer['checkpoint']>) =>
      fleet.clock.runUntil(codeOf(checkpointer.checkpoint(...args)));
    expect(await outcome(second)).toBe('fulfilled');
    const counter = () => fleet.table.rows[0]?.leaseCounter;
    const before = counter();
    expect(await outcome(second)).toBe('fulfilled');
    expect(counter()).toBe(before);
    expect(await outcome(first)).toBe('MR_CHECKPOINT_BACKWARDS');
    expect(await outcome(third, 1)).toBe('MR_COMMIT_GAP');
    expect(await outcome(`${third}0`)).toBe('MR_COMMIT_GAP');
    expect(await outcome('TRIM_HORIZON')).toBe('MR_CONFIG_INVALID');
    expect(await outcome(third, -1)).toBe('MR_CONFIG_INVALID');
    expect(await outcome(second, 4)).toBe('fulfilled');
    expect(fleet.checkpoints[only(fleet)]).toBe(`${second}:4`);
    expect(await outcome(third)).toBe('fulfilled');
    expect(fleet.checkpoints[only(fleet)]).toBe(last(fleet));
  });

  it('refuses the record of another shard, and a state that no row can hold: the worker goes on', async () => {
    const fleet = new Fleet({ shardCount: 2 });
    const records = new Map<string, KinesisRecord>();
    const one = new Processed(fleet, 'a', 'manual', {
      processRecords: ({ shardId, records: given }) => void records.set(shardId, given.at(-1)!),
    });
    fleet.put(1, 'shardId-000000000000');
    fleet.put(1, 'shardId-000000000001');
    fleet.put(1, 'shardId-000000000000');
    await fleet.clock.runUntil(() => one.numbers.length === 3);
    const [[shardId], [, foreign]] = [...records] as [[string, KinesisRecord], [string, KinesisRecord]];
    const checkpointer = one.checkpointers.get(shardId) as RecordProcessorCheckpointer;
    const codeAfter = (promise: Promise<unknown>) => fleet.clock.runUntil(codeOf(promise));
    expect(await codeAfter(checkpointer.checkpoint(foreign))).toBe('MR_CONFIG_INVALID');
    expect(await codeAfter(checkpointer.prepareCheckpoint({ at: foreign }))).toBe('MR_CONFIG_INVALID');
    const states = [new Uint8Array(393_217), 'text', Array.from({ length: 3 }, () => 1)] as Uint8Array[];
    for (const state of states) {
      expect(await codeAfter(checkpointer.prepareCheckpoint({ state }))).toBe('MR_CONFIG_INVALID');
    }
    expect(await codeAfter(checkpointer.prepareCheckpoint({ state: new Uint8Array(393_216) }))).toBe('fulfilled');
    expect(await codeAfter(checkpointer.checkpoint(records.get(shardId)))).toBe('fulfilled');
    expect([one.worker.hasEnded, one.failure]).toEqual([false, undefined]);
  });

  it('prepares a checkpoint with a state, which the next owner is given after a crash; a checkpoint removes it', async () => {
    const fleet = new Fleet();
    fleet.put(4);
    const one = new Processed(fleet, 'a', 'manual');
    await fleet.clock.runUntil(() => one.numbers.length === 4);
    const checkpointer = one.checkpointers.get(only(fleet)) as RecordProcessorCheckpointer;
    const [, second, third] = fleet.produced.map(({ sequenceNumber }) => sequenceNumber);
    const state = Uint8Array.of(7, 0, 255);
    const early = await fleet.clock.runUntil(checkpointer.prepareCheckpoint({ at: second!, state }));
    expect(early.pendingCheckpoint).toEqual({ sequenceNumber: second, subSequenceNumber: 0 });
    const row = () => fleet.table.rows[0]!;
    expect(formatPosition(row().pendingCheckpoint!)).toBe(`${second}:0`);
    expect(row().checkpoint.kind).toBe('TRIM_HORIZON');
    one.worker.process.kill();
    const two = new Processed(fleet, 'b', 'manual');
    await fleet.clock.runUntil(() => two.numbers.length === 4, { atMostMillis: 60_000 });
    expect(two.initialized[0]).toMatchObject({
      extendedSequenceNumber: { sequenceNumber: 'TRIM_HORIZON' },
      pendingCheckpoint: { sequenceNumber: second, subSequenceNumber: 0, state },
    });
    const again = two.checkpointers.get(only(fleet)) as RecordProcessorCheckpointer;
    const first = await fleet.clock.runUntil(again.prepareCheckpoint({ at: second! }));
    const later = await fleet.clock.runUntil(again.prepareCheckpoint({ at: third! }));
    expect(row().pendingCheckpointState).toBeUndefined();
    await fleet.clock.runUntil(later.checkpoint());
    expect(row().pendingCheckpoint).toBeUndefined();
    expect(fleet.checkpoints[only(fleet)]).toBe(`${third}:0`);
    expect(await fleet.clock.runUntil(codeOf(first.checkpoint()))).toBe('MR_CHECKPOINT_BACKWARDS');
  });
});
