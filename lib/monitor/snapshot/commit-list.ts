import type { MillraceEvent } from '../../event/event.ts';
import { forgetBeyond } from './bounded-map.ts';
import type { CommitView } from './snapshot.ts';

/** How many commit groups are kept, those that were active last. */
export const retainedGroups = 1_000;

/** How far each commit group has come. */
export class CommitList {
  readonly #groups = new Map<string, CommitView>();
  #views: readonly CommitView[] | undefined;

  /** In order of the groups; the same list until a group comes further. */
  get views(): readonly CommitView[] {
    this.#views ??= Array.from(this.#groups.values()).toSorted((a, b) => (a.group < b.group ? -1 : 1));
    return this.#views;
  }

  /** Takes one event into account. */
  add(event: MillraceEvent, atMillis: number): void {
    switch (event.type) {
      case 'batch.step':
        return this.#change(event.group, () => ({
          stepBatchId: event.batchId,
          step: event.step,
          ...(event.step === 'committed' ? { batchId: event.batchId, committedAtMillis: atMillis } : {}),
        }));
      case 'batch.completed':
        return this.#change(event.group, ({ batchId, committedAtMillis }) => ({
          batchId: event.batchId,
          batchTimeMillis: event.batchTimeMillis,
          committedAtMillis: batchId === event.batchId ? committedAtMillis : atMillis,
        }));
      case 'state.unclaimed':
        return this.#change(event.group, () => ({ unclaimed: event.operators }));
      case 'range.refused':
        return this.#refused(event.shardId);
      default:
        return;
    }
  }

  /** In `shard` scope the group is the shard; in `application` scope there is one group, which refuses for all. */
  #refused(shardId: string): void {
    const group = this.#groups.has(shardId) || this.#groups.size !== 1 ? shardId : [...this.#groups.keys()].join('');
    this.#change(group, ({ refusedRanges }) => ({ refusedRanges: refusedRanges + 1 }));
  }

  #change(group: string, change: (before: CommitView) => Partial<CommitView>): void {
    const before = this.#groups.get(group) ?? newGroup(group);
    this.#views = undefined;
    this.#groups.delete(group);
    this.#groups.set(group, { ...before, ...change(before) });
    forgetBeyond(this.#groups, retainedGroups, () => true);
  }
}

function newGroup(group: string): CommitView {
  const nothing = { batchId: null, batchTimeMillis: null, committedAtMillis: null, stepBatchId: null, step: null };
  return { group, ...nothing, unclaimed: [], refusedRanges: 0 };
}
