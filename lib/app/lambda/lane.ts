import { linkedController } from '../../base/abort.ts';
import { MillraceError } from '../../base/error.ts';
import { Notifier } from '../../base/notifier.ts';
import type { KinesisRecord } from '../../block/record.ts';
import type { FailurePolicy } from '../../receiver/failure-policy.ts';
import { type PolicyPorts, runWithPolicy } from '../../receiver/handler-runner.ts';
import { PartialFailure } from '../../receiver/partial-failure.ts';
import { type StallWatch, standingOf } from '../../receiver/stall-watch.ts';
import type { LambdaFunction } from './lambda-function.ts';
import type { LambdaSettings } from './lambda-options.ts';
import { planLane } from './lane-plan.ts';
import { RecordQueue } from './record-queue.ts';
import { TumblingWindow } from './tumbling-window.ts';

/** What all lanes of all shards work with. */
export interface LaneTools extends PolicyPorts {
  readonly lambda: LambdaFunction;
  readonly settings: LambdaSettings;
  /** Watches over invocations that do not come back. */
  readonly stallWatch: Pick<StallWatch, 'begin'>;
}

/** What a lane asks of its shard. */
export interface LaneShard {
  readonly shardId: string;
  /** Aborts when the lease is lost. */
  readonly signal: AbortSignal;
  /** Whether work may begin: the lease is held, and certain. */
  isHeld(): boolean;
  /** Whether the shard holds so much back that nothing should wait. */
  isPressed(): boolean;
  /** These records are finished. */
  finish(records: readonly KinesisRecord[]): void;
}

/** How long after the end of a window a read that finds nothing more shows that nothing of it is left, milliseconds. */
const windowGraceMillis = 1_000;

/**
 * The invocations of one shard, or of one part of its partition keys: one after the other, in order. Records wait here
 * until a batch is full or its window over.
 */
export class Lane {
  readonly #tools: LaneTools;
  readonly #shard: LaneShard;
  readonly #queue: RecordQueue;
  readonly #woken = new Notifier();
  #window: TumblingWindow | undefined;
  #closesAtMillis: number | undefined;
  #isEnded = false;
  #isHurried = false;

  constructor(tools: LaneTools, shard: LaneShard) {
    this.#tools = tools;
    this.#shard = shard;
    this.#queue = new RecordQueue(tools.settings.batchSize);
  }

  add(record: KinesisRecord): void {
    this.#queue.add(record, this.#tools.clock.monotonicMillis());
  }

  /** Has the lane look what to do. */
  wake(): void {
    this.#woken.notify();
  }

  /** Nothing waits any more: the shard drains. */
  hurry(): void {
    this.#isHurried = true;
    this.wake();
  }

  /** No more records come. */
  end(): void {
    this.#isEnded = true;
    this.wake();
  }

  /** A read has found the tip of the shard; what it brought is handed out within `settleMillis`. */
  sawTip(settleMillis: number): void {
    if (this.#window === undefined || this.#closesAtMillis !== undefined) return;
    const { clock, serviceTimeMillis } = this.#tools;
    if (serviceTimeMillis() < this.#window.endMillis + windowGraceMillis) return;
    this.#closesAtMillis = clock.monotonicMillis() + settleMillis;
    this.wake();
  }

  /**
   * Invokes until no more records come, or the lease is lost.
   * @throws MillraceError `MR_HANDLER_FAILED` by the failure policy; the signal's reason
   */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const step = this.#nextStep();
      if (step.type === 'over') return;
      if (step.type === 'wait') {
        await this.#wait(step.untilMillis, signal);
        continue;
      }
      if (!this.#shard.isHeld()) return;
      if (step.type === 'close') await this.#close(step.isEarly, signal);
      else await this.#invokeNext(signal);
    }
  }

  #nextStep() {
    const { clock, settings } = this.#tools;
    const { first, oldestMillis } = this.#queue;
    const window = this.#window;
    return planLane({
      nowMillis: clock.monotonicMillis(),
      batchingWindowMillis: settings.batchingWindowMillis,
      isEnded: this.#isEnded,
      isHurried: this.#isHurried || this.#shard.isPressed(),
      oldestMillis,
      isBatchFull: this.#queue.isFull(this.#belongsTo(this.#windowOf(first))),
      window: window && {
        holdsFirst: first === undefined || window.includes(first),
        closesAtMillis: this.#closesAtMillis,
        isPast: this.#tools.serviceTimeMillis() >= window.endMillis,
      },
    });
  }

  /** The window that a record goes to: the open one, else one that begins with it. */
  #windowOf(first: KinesisRecord | undefined): TumblingWindow | undefined {
    const { tumblingWindowMillis } = this.#tools.settings;
    if (this.#window !== undefined || tumblingWindowMillis === undefined || first === undefined) return this.#window;
    return new TumblingWindow(first, tumblingWindowMillis);
  }

  #belongsTo(window: TumblingWindow | undefined): (record: KinesisRecord) => boolean {
    return (record) => window === undefined || window.includes(record);
  }

  async #invokeNext(signal: AbortSignal): Promise<void> {
    const window = this.#windowOf(this.#queue.first);
    this.#window = window;
    const batch = this.#queue.take(this.#belongsTo(window));
    await this.#underPolicy(
      batch,
      (records) => this.#invoke(records, window),
      signal,
      (records) => {
        if (window === undefined) this.#shard.finish(records);
        else window.held.push(...records);
      },
    );
    if (window?.isStateTooLarge === true) await this.#close(true, signal);
  }

  async #invoke(records: readonly KinesisRecord[], window: TumblingWindow | undefined): Promise<void> {
    let state: unknown;
    try {
      state = await this.#tools.lambda.invoke(records, window?.fields(this.#shard.shardId, false, false));
    } catch (thrown) {
      if (window === undefined || !(thrown instanceof PartialFailure)) throw thrown;
      if (thrown.state === undefined) throw stateless();
      // What was processed is not processed again, so its part of the state must not be lost.
      if (thrown.finished > 0) window.carry(thrown.state);
      throw thrown;
    }
    if (window === undefined) return;
    if (state === undefined) throw stateless();
    window.carry(state);
  }

  /** The last invocation of a window, without records: all records of the window stand or fall with it. */
  async #close(isEarly: boolean, signal: AbortSignal): Promise<void> {
    const window = this.#window;
    if (window === undefined) return;
    const fields = window.fields(this.#shard.shardId, true, isEarly);
    // The state goes with the window, so nothing is asked of the answer. One invocation for all: halves would be told twice.
    const last = async () => void (await this.#tools.lambda.invoke([], fields));
    const policy = { ...this.#tools.policy, bisectBatchOnFunctionError: false };
    await this.#underPolicy(window.held, last, signal, (records) => this.#shard.finish(records), policy);
    this.#window = undefined;
    this.#closesAtMillis = undefined;
  }

  async #underPolicy(
    records: readonly KinesisRecord[],
    handler: (records: readonly KinesisRecord[]) => Promise<void>,
    signal: AbortSignal,
    onFinished: (records: readonly KinesisRecord[]) => void,
    policy: FailurePolicy = this.#tools.policy,
  ): Promise<void> {
    const { clock, random, events, serviceTimeMillis, retentionMillis, stallWatch } = this.#tools;
    const { shardId } = this.#shard;
    const work = { shardId, records, signal: this.#shard.signal };
    const ports = { clock, random, events, serviceTimeMillis, retentionMillis };
    const onAttempt = () => stallWatch.begin(standingOf(work));
    await runWithPolicy({ work, handler, policy, ...ports, signal, onFinished, onAttempt });
  }

  async #wait(untilMillis: number | undefined, signal: AbortSignal): Promise<void> {
    const { clock } = this.#tools;
    using wake = linkedController(signal);
    const cancel =
      untilMillis === undefined
        ? () => {}
        : clock.timer(untilMillis - clock.monotonicMillis(), () => wake.abort('due'));
    await this.#woken.wait(wake.signal);
    cancel();
  }
}

function stateless(): MillraceError {
  return new MillraceError(
    'MR_LAMBDA_RESPONSE',
    "the function's answer has no state, so the whole batch counts as failed, as in Lambda with a tumbling window: return { state: event.state } at least",
  );
}
