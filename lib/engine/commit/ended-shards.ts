import type { EventSink } from '../../event/bus.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type HeirRow, isForgotten } from './ended-plan.ts';
import type { EndedShard } from './manifest.ts';
import { groupPrefix, readObjectName } from './object-names.ts';

/** The rows of a stream's leases as they are now: consistently read, and all of them. */
export type ReadHeirRows = (streamName: string, signal: AbortSignal) => Promise<readonly HeirRow[]>;

/** What {@link EndedShards} works with. */
export interface EndedShardsOptions {
  readonly store: ObjectStore;
  readonly application: string;
  /** The group that has begun since, and whose holder this is. */
  readonly group: string;
  readonly streamName: string;
  /** The shards that ended before it, and whose objects may still be there. */
  readonly ended: readonly EndedShard[];
  /** Of these, the parents of the shard. */
  readonly parents: readonly string[];
  /** Names the group of a shard. */
  readonly groupOf: (shardId: string) => string;
  readonly rows: ReadHeirRows;
  readonly events: EventSink;
}

/** How many objects are removed after one commit: a batch never waits for more. */
const removalsPerCommit = 20;
/** After how many commits it is looked again, at first; each time twice as many, to the most. */
const firstCommitsBetweenLooks = 8;
const mostCommitsBetweenLooks = 4_096;

interface Doomed {
  readonly shard: EndedShard;
  readonly names: string[];
}

/**
 * Removes what ended shards have left in the store once nobody can need it any more (`isForgotten`), a few objects after
 * each commit of a group that has begun since. All that is left to do is named in the manifests of the group, and handed on to
 * its children with its own end, so that it is never forgotten when shards follow each other fast:
 *
 *   1. A is split into B and C; B is split again and ends before the row of A is deleted. Nobody commits to B any more
 *   2. the children of B begin with what B left, and with B and A to be removed
 *
 * The objects are listed before the rows are read, and none is removed that was not listed then:
 *
 *   1. the rows say that A is forgotten
 *   2. an operator seeks to a time when A was read, and a new row of A begins from nothing
 *   3. the new reader of A commits, and only now the objects of A are listed: its state would be removed
 *
 * Several holders may do it at once (those of all children), one that lost its lease meanwhile may go on, and one that dies in
 * the midst leaves the rest to whoever commits next: a removal is done twice, never wrong.
 */
export class EndedShards {
  readonly #options: EndedShardsOptions;
  #left: readonly EndedShard[];
  #doomed: readonly Doomed[] = [];
  #commitsBetweenLooks = firstCommitsBetweenLooks;
  #commitsUntilLook = 0;

  constructor(options: EndedShardsOptions) {
    this.#options = options;
    this.#left = options.ended;
  }

  /** What is left to do, for the next manifest. */
  get left(): readonly EndedShard[] {
    return this.#left;
  }

  /** After a commit. `isAlone`: whether the group needs nothing of its parents any more. */
  async tidy(isAlone: boolean, signal: AbortSignal): Promise<void> {
    if (this.#doomed.length > 0) return this.#remove(signal);
    const { parents } = this.#options;
    const due = this.#left.filter(({ shardId }) => isAlone || !parents.includes(shardId));
    if (due.length === 0) return;
    this.#commitsUntilLook -= 1;
    if (this.#commitsUntilLook > 0) return;
    this.#commitsUntilLook = this.#commitsBetweenLooks;
    this.#commitsBetweenLooks = Math.min(2 * this.#commitsBetweenLooks, mostCommitsBetweenLooks);
    await this.#look(due, signal);
  }

  async #look(due: readonly EndedShard[], signal: AbortSignal): Promise<void> {
    const listed: Doomed[] = [];
    for (const shard of due) listed.push({ shard, names: await this.#namesOf(shard, signal) });
    const present = listed.filter(({ names }) => names.length > 0);
    const gone = new Set(listed.filter((one) => !present.includes(one)).map(({ shard }) => shard.shardId));
    this.#left = this.#left.filter(({ shardId }) => !gone.has(shardId));
    if (present.length === 0) return;
    const { rows, streamName } = this.#options;
    const now = await rows(streamName, signal);
    this.#doomed = present.filter(({ shard }) => isForgotten(shard, now));
    if (this.#doomed.length === 0) return;
    // Whether the listing had all of them is seen at the next look.
    this.#commitsBetweenLooks = firstCommitsBetweenLooks;
    this.#commitsUntilLook = firstCommitsBetweenLooks;
    await this.#remove(signal);
  }

  async #namesOf({ shardId }: EndedShard, signal: AbortSignal): Promise<string[]> {
    const { store, application, groupOf } = this.#options;
    const prefix = groupPrefix(application, groupOf(shardId));
    const names = await store.list(prefix, signal);
    return names.filter((name) => readObjectName(prefix, name) !== undefined);
  }

  async #remove(signal: AbortSignal): Promise<void> {
    const { store, group, events } = this.#options;
    let left = removalsPerCommit;
    for (const { shard, names } of this.#doomed) {
      const { length } = names;
      for (let name = names.at(-1); name !== undefined && left > 0; name = names.at(-1), left -= 1) {
        await store.remove(name, signal);
        names.pop();
      }
      if (length === names.length) continue;
      const removed = length - names.length;
      events.publish({ type: 'state.collected', group, shardId: shard.shardId, removed, left: names.length });
    }
    this.#doomed = this.#doomed.filter(({ names }) => names.length > 0);
  }
}
