import type { CancelTimer, Clock } from '../../lib/base/clock.ts';
import type { EventSink } from '../../lib/event/bus.ts';
import type { KinesisApi } from '../../lib/kinesis/kinesis-api.ts';
import { ServiceTime } from '../../lib/kinesis/service-time.ts';
import type { LeaseTable } from '../../lib/lease/lease-table.ts';
import type { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';

type Life = 'running' | 'paused' | 'killed';

/**
 * The process of one worker on shared virtual time: it can be paused, as by SIGSTOP or a long collection of garbage, and
 * killed. While it stands still its timers do not fire and no answer reaches it; what it has sent before is applied.
 */
export class Process implements Clock {
  readonly #clock: Clock;
  readonly #wallSkewMillis: number;
  #life: Life = 'running';
  #overdue: (() => void)[] = [];
  #resumed: { promise: Promise<void>; resolve: () => void } | undefined;

  constructor(clock: Clock, wallSkewMillis = 0) {
    this.#clock = clock;
    this.#wallSkewMillis = wallSkewMillis;
  }

  get life(): Life {
    return this.#life;
  }

  wallMillis(): number {
    return this.#clock.wallMillis() + this.#wallSkewMillis;
  }

  monotonicMillis(): number {
    return this.#clock.monotonicMillis();
  }

  timer(delayMillis: number, callback: () => void): CancelTimer {
    let cancelled = false;
    const fire = () => {
      if (cancelled || this.#life === 'killed') return;
      if (this.#life === 'paused') this.#overdue.push(fire);
      else callback();
    };
    const cancel = this.#clock.timer(delayMillis, fire);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  pause(): void {
    if (this.#life !== 'running') return;
    this.#life = 'paused';
    let resolve = () => {};
    const promise = new Promise<void>((onResolve) => (resolve = onResolve));
    this.#resumed = { promise, resolve };
  }

  resume(): void {
    if (this.#life !== 'paused') return;
    this.#life = 'running';
    this.#resumed?.resolve();
    for (const fire of this.#overdue.splice(0)) fire();
  }

  kill(): void {
    this.#life = 'killed';
    this.#overdue = [];
  }

  /** Resolves when the process runs; never when it is killed. */
  async runs(): Promise<void> {
    while (this.#life !== 'running') {
      await (this.#life === 'killed' ? new Promise<never>(() => {}) : this.#resumed?.promise);
    }
  }

  /** Passes calls on while the process runs, and their answers too. */
  async call<T>(send: () => Promise<T>): Promise<T> {
    await this.runs();
    try {
      return await send();
    } finally {
      await this.runs();
    }
  }

  /** The stream as this process sees it: with its own idea of the service's time, from Date headers cut to the second. */
  connect(kinesis: FakeKinesis, name: string, events: EventSink): KinesisApi {
    const api = kinesis.connect(name);
    const serviceTime = new ServiceTime(this, events);
    const call = async <T>(send: () => Promise<T>): Promise<T> => {
      try {
        return await this.call(send);
      } finally {
        serviceTime.observe(new Date(kinesis.nowMillis()).toUTCString());
      }
    };
    return {
      describeStream: (signal) => call(() => api.describeStream(signal)),
      listShards: (request, signal) => call(() => api.listShards(request, signal)),
      getShardIterator: (request, signal) => call(() => api.getShardIterator(request, signal)),
      getRecords: (request, signal) => call(() => api.getRecords(request, signal)),
      putRecords: (entries, signal) => call(() => api.putRecords(entries, signal)),
      serviceTimeMillis: () => serviceTime.nowMillis(),
    };
  }

  /** The lease table as this process sees it. */
  connectTable(table: LeaseTable): LeaseTable {
    return {
      open: (signal) => this.call(() => table.open(signal)),
      coordination: (signal) => this.call(() => table.coordination(signal)),
      deleteEnded: (lease, signal) => this.call(() => table.deleteEnded(lease, signal)),
      readLock: (signal) => this.call(() => table.readLock(signal)),
      writeLock: (lock, condition, signal) => this.call(() => table.writeLock(lock, condition, signal)),
      deleteLock: (lock, signal) => this.call(() => table.deleteLock(lock, signal)),
      scan: (signal, consistency) => this.call(() => table.scan(signal, consistency)),
      listKeysOwnedBy: (worker, signal) => this.call(() => table.listKeysOwnedBy(worker, signal)),
      get: (key, signal) => this.call(() => table.get(key, signal)),
      createIfAbsent: (lease, signal) => this.call(() => table.createIfAbsent(lease, signal)),
      write: (write, signal) => this.call(() => table.write(write, signal)),
      putWorker: (row, signal) => this.call(() => table.putWorker(row, signal)),
      requestDrain: (name, request, signal) => this.call(() => table.requestDrain(name, request, signal)),
      cancelDrain: (name, request, signal) => this.call(() => table.cancelDrain(name, request, signal)),
      deleteWorker: (worker, signal) => this.call(() => table.deleteWorker(worker, signal)),
    };
  }
}
