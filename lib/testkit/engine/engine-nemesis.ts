import type { Random } from '../../base/random.ts';
import type { BatchStep } from '../../event/event.ts';
import type { FakeKinesis } from '../fake-kinesis.ts';
import { between, pick, wholeBetween } from '../fork-random.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import type { Wire } from '../wire.ts';
import { type EngineAct, type EngineSetup, engineActs } from './engine-setup.ts';
import type { EngineWorker } from './engine-worker.ts';

/** What an {@link EngineNemesis} needs. */
export interface EngineNemesisOptions {
  readonly setup: EngineSetup;
  readonly clock: VirtualClock;
  readonly kinesis: FakeKinesis;
  readonly random: Random;
  readonly workers: () => readonly EngineWorker[];
  readonly startWorker: () => void;
  readonly split: (shardId: string) => void;
  readonly merge: (shardId: string, adjacentShardId: string) => void;
  readonly onAct: (act: EngineAct) => void;
  readonly tell: (who: string, text: string) => void;
}

/** The order of a batch; a process is struck just after each. */
const steps: readonly BatchStep[] = [
  'planned',
  'processed',
  'stateWritten',
  'outputsDone',
  'committed',
  'acknowledged',
];
const maxOpenShards = 5;

/** Does to an application what the seed has drawn, one act after another, until it is called off. */
export class EngineNemesis {
  readonly #options: EngineNemesisOptions;
  readonly #undo = new Set<() => void>();
  #cancel: (() => void) | undefined;

  constructor(options: EngineNemesisOptions) {
    this.#options = options;
  }

  /** Plans the next act. */
  begin(): void {
    const { random, setup, clock } = this.#options;
    // Exponential gaps, so that acts come in bunches too.
    const gapMillis = -Math.log(1 - random.next()) * setup.actEveryMillis;
    this.#cancel = clock.timer(gapMillis, () => {
      this.#act();
      this.begin();
    });
  }

  /** Ends it, and undoes what it has done. */
  end(): void {
    this.#cancel?.();
    for (const undo of this.#undo) undo();
  }

  #act(): void {
    const { random, setup, onAct } = this.#options;
    const total = engineActs.reduce((sum, act) => sum + setup.acts[act], 0);
    let left = random.next() * total;
    const act = engineActs.find((one) => (left -= setup.acts[one]) < 0);
    if (act !== undefined && this.#perform(act)) onAct(act);
  }

  /** Whether there was anything to do it to. */
  #perform(act: EngineAct): boolean {
    const { workers, random, setup, startWorker } = this.#options;
    if (act === 'split' || act === 'merge') return this.#reshape(act);
    if (act === 'join') {
      if (workers().filter((worker) => worker.isAlive).length >= setup.maxWorkers) return false;
      startWorker();
      return true;
    }
    const running = workers().filter((worker) => worker.isRunning);
    if (running.length === 0) return false;
    this.#strike(act, pick(random, running));
    return true;
  }

  #strike(act: Exclude<EngineAct, 'split' | 'merge' | 'join'>, worker: EngineWorker): void {
    const { random, setup, tell } = this.#options;
    const { failoverTimeMillis } = setup.settings;
    const passes = wholeBetween(random, 1, 4);
    const step = pick(random, setup.isPlanned ? steps : steps.slice(1));
    tell(worker.id, `${act}${act.endsWith('AtStep') ? ` ${step} ${passes}` : ''}`);
    switch (act) {
      case 'kill':
        return worker.process.kill();
      case 'killAtStep':
        worker.trap = { step, passes, spring: () => worker.process.kill() };
        return;
      case 'pause':
      case 'suspend':
        return this.#pause(worker, act === 'suspend');
      case 'pauseAtStep':
        worker.trap = { step, passes, spring: () => this.#pause(worker, false) };
        return;
      case 'wallJump':
        return worker.process.jumpWall(Math.round((random.next() - 0.7) * pick(random, [1_000, 60_000, 86_400_000])));
      case 'drain':
        return void worker.drain(pick(random, [0, 1_000, 10_000]));
      case 'stop':
        return worker.stop();
      default: {
        const wire = { Table: worker.tableWire, Store: worker.storeWire, Kinesis: worker.kinesisWire }[
          act.replace(/^(cut|deaf)/, '') as 'Table' | 'Store' | 'Kinesis'
        ];
        this.#disturb(wire, act.startsWith('cut'), between(random, 0.1, 3) * failoverTimeMillis);
      }
    }
  }

  #pause(worker: EngineWorker, clockStoodStill: boolean): void {
    const { random, setup } = this.#options;
    const timersFirst = random.next() < 0.5;
    worker.process.pause();
    this.#later(between(random, 0.1, 4) * setup.settings.failoverTimeMillis, () => {
      worker.process.resume({ timersFirst, clockStoodStill });
    });
  }

  #disturb(wire: Wire, isCut: boolean, millis: number): void {
    wire.answersPass = false;
    if (isCut) wire.requestsPass = false;
    this.#later(millis, () => {
      wire.requestsPass = true;
      wire.answersPass = true;
    });
  }

  #reshape(act: 'split' | 'merge'): boolean {
    const { kinesis, random, split, merge } = this.#options;
    const open = [...kinesis.openShards].sort((a, b) =>
      BigInt(a.startingHashKey) < BigInt(b.startingHashKey) ? -1 : 1,
    );
    if (act === 'split') {
      if (open.length >= maxOpenShards || kinesis.shards.length > 12) return false;
      split(pick(random, open).shardId);
      return true;
    }
    if (open.length < 2) return false;
    const index = Math.floor(random.next() * (open.length - 1));
    merge(open[index]?.shardId as string, open[index + 1]?.shardId as string);
    return true;
  }

  #later(millis: number, action: () => void): void {
    const undo = () => {
      cancel();
      this.#undo.delete(undo);
      action();
    };
    const cancel = this.#options.clock.timer(millis, undo);
    this.#undo.add(undo);
  }
}
