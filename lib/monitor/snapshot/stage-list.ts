import type { EventOf, MillraceEvent } from '../../event/event.ts';
import { keyOf } from './batch-list.ts';
import { pushBounded } from './bounded-map.ts';
import type { StageView, StagesView } from './snapshot.ts';

/** How many stages that are over are kept: Spark's `spark.ui.retainedStages`. */
export const retainedStages = 1_000;

/** The talk's table of stages: one for each try of an output, as a failed stage of Spark is listed beside its repetition. */
export class StageList {
  readonly #active = new Map<string, StageView>();
  readonly #ended: StageView[] = [];
  #stages = 0;
  #completed = 0;
  #failed = 0;

  #view: StagesView | undefined;

  /** The same object until a stage begins or ends. */
  get view(): StagesView {
    this.#view ??= {
      active: Array.from(this.#active.values()),
      completed: this.#ended.slice(),
      totalCompleted: this.#completed,
      totalFailed: this.#failed,
    };
    return this.#view;
  }

  /** Takes one event into account; `recordsOf` knows how many records a batch has. */
  add(event: MillraceEvent, atMillis: number, recordsOf: (batchKey: string) => number): void {
    if (event.type === 'output.started') return this.#started(event, atMillis, recordsOf(keyOf(event)));
    if (event.type === 'output.completed') return this.#completedOne(event);
    if (event.type !== 'batch.dropped') return;
    // A try that is cut off by the end of its batch tells no end of its own.
    for (const [key, stage] of this.#active) {
      if (stage.batchKey === keyOf(event)) this.#end(key, { ...stage, error: event.message });
    }
  }

  #started(event: EventOf<'output.started'>, submittedAtMillis: number, inputRecords: number): void {
    const stageId = this.#stages;
    this.#stages += 1;
    const begun = { durationMillis: null, tasksSucceeded: 0, tasksTotal: 1, error: null };
    const { name: description } = event;
    const stage = { stageId, description, batchKey: keyOf(event), submittedAtMillis, inputRecords, ...begun };
    this.#active.set(stageKey(event), stage);
    this.#view = undefined;
  }

  #completedOne(event: EventOf<'output.completed'>): void {
    const stage = this.#active.get(stageKey(event));
    if (stage === undefined) return;
    const { durationMillis, failureReason } = event;
    const tasksSucceeded = failureReason === undefined ? 1 : 0;
    this.#end(stageKey(event), { ...stage, durationMillis, tasksSucceeded, error: failureReason ?? null });
  }

  #end(key: string, stage: StageView): void {
    this.#active.delete(key);
    this.#view = undefined;
    if (stage.error === null) this.#completed += 1;
    else this.#failed += 1;
    pushBounded(this.#ended, stage, retainedStages);
  }
}

function stageKey(event: EventOf<'output.started'> | EventOf<'output.completed'>): string {
  return `${keyOf(event)}/${event.outputId}`;
}
