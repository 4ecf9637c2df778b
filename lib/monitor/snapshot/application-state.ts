import type { MillraceEvent } from '../../event/event.ts';
import type { ApplicationView } from './snapshot.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What the process is and does as a whole. */
export class ApplicationState {
  readonly #view: Mutable<ApplicationView>;
  readonly #running = new Set<string>();
  readonly #others = new Set<string>();

  /** `applicationName`: where it is known before the first worker starts. */
  constructor(startedAtMillis: number, applicationName: string | null) {
    this.#view = {
      applicationName,
      status: 'starting',
      startedAtMillis,
      isLeader: false,
      otherWorkers: [],
      holder: null,
      epoch: null,
      batchIntervalMillis: null,
      scope: null,
      scopeReason: null,
      outputs: [],
      draining: null,
    };
  }

  get view(): ApplicationView {
    return { ...this.#view, otherWorkers: Array.from(this.#others).toSorted() };
  }

  /** Takes one event into account. */
  add(event: MillraceEvent): void {
    const view = this.#view;
    switch (event.type) {
      case 'worker.started':
        this.#running.add(event.workerIdentifier);
        view.applicationName ??= event.applicationName;
        view.status = 'running';
        return;
      case 'worker.stopped':
        return this.#stopped(event.workerIdentifier);
      case 'worker.draining':
        view.status = 'draining';
        view.draining = { blocks: event.blocks, shards: event.shards.length, forMillis: event.forMillis };
        return;
      case 'worker.joined':
        // Of thousands of workers only so many are named; a fleet that large is looked at elsewhere.
        if (this.#others.size < 1_000) this.#others.add(event.workerIdentifier);
        return;
      case 'worker.left':
        this.#others.delete(event.workerIdentifier);
        return;
      case 'leader.elected':
        view.isLeader = true;
        return;
      case 'leader.lost':
        view.isLeader = false;
        this.#others.clear();
        return;
      default:
        return this.#addEngine(event);
    }
  }

  #addEngine(event: MillraceEvent): void {
    const view = this.#view;
    switch (event.type) {
      case 'engine.started':
        view.batchIntervalMillis = event.batchIntervalMillis;
        view.scope = event.scope;
        view.scopeReason = event.reason;
        view.outputs = event.outputs;
        if (view.status === 'starting') view.status = 'running';
        return;
      case 'engine.standby':
        view.status = 'standby';
        view.holder = event.holder;
        view.epoch = event.epoch;
        return;
      case 'engine.active':
        view.status = 'running';
        view.holder = null;
        view.epoch = event.epoch;
        return;
      case 'engine.lost':
        view.status = 'standby';
        return;
      default:
        return;
    }
  }

  #stopped(workerIdentifier: string): void {
    this.#running.delete(workerIdentifier);
    if (this.#running.size > 0) return;
    this.#view.status = 'stopped';
    this.#view.draining = null;
    this.#view.isLeader = false;
    this.#others.clear();
  }
}
