import type { Random } from '../../base/random.ts';
import type { ShardOpening } from '../../block/shard-opening.ts';
import type { Memory } from '../memory.ts';
import type { Persistence } from '../persistence.ts';
import { applicationGroup } from '../scope.ts';
import { type ObjectStore, stateError } from '../store/object-store.ts';
import { identityOf } from '../store/store-identity.ts';
import type { GroupTimes } from '../window/panes.ts';
import type { Converted, StateConversions } from './state-conversion.ts';
import { uniteEnded } from './ended-plan.ts';
import { GroupLog, type GroupLogOptions } from './group-log.ts';
import { type ParentMemory, inheritMemory, mergeGroups } from './inherit.ts';
import { memoryAtTimes } from './memory-times.ts';
import { groupPrefix } from './object-names.ts';
import type { Manifest } from './manifest.ts';
import { parsePointer } from './pointer.ts';
import { readManifestOf } from './version-list.ts';

/** What a {@link CommitPlace} is made with. */
export interface CommitPlaceOptions {
  readonly store: ObjectStore;
  readonly application: string;
  readonly scope: 'shard' | 'application';
  /** By key of the memory, how each operator of the plan that remembers is written down, divided and put together. */
  readonly codecs: ReadonlyMap<string, Persistence>;
  /** How state of an earlier program is read; see `checkConversions`. */
  readonly conversions?: StateConversions;
  /** Batches from one snapshot to the next: 10. */
  readonly snapshotIntervalBatches?: number;
  /** Committed versions that are kept for rewinding: 10. */
  readonly retainedVersions?: number;
  readonly random: Random;
  readonly breathe?: () => Promise<void> | undefined;
}

/** The default of the option of this name (design section 8). */
export const defaultSnapshotIntervalBatches = 10;
/** The default of the option of this name. */
export const defaultRetainedVersions = 10;

/** Where the commit groups of an application keep what they commit. */
export class CommitPlace {
  readonly #options: CommitPlaceOptions;
  #identity: Promise<string> | undefined;

  constructor(options: CommitPlaceOptions) {
    this.#options = options;
  }

  /** The application whose groups these are. */
  get application(): string {
    return this.#options.application;
  }

  /** Where their objects are. */
  get store(): ObjectStore {
    return this.#options.store;
  }

  /**
   * The log of a group, as its last commit left it. `pointer` is the text of that commit, absent when there was none;
   * `where` names the row that holds it.
   * @throws MillraceError `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`, `MR_STATE_NEWER`, `MR_STATE_FOREIGN`
   */
  async logOf(group: string, pointer: string | undefined, where: string, signal: AbortSignal): Promise<GroupLog> {
    const options = await this.#logOptions(group, signal);
    if (pointer === undefined) return GroupLog.begin(options);
    const log = await GroupLog.recover(options, parsePointer(pointer, where), signal);
    await this.#putTogether(log, where, signal);
    return log;
  }

  /**
   * The last manifest that a pointer names, without its state.
   * @throws MillraceError as {@link logOf}
   */
  async manifestOf(pointer: string, where: string, signal: AbortSignal): Promise<Manifest | undefined> {
    const { store, application } = this.#options;
    const place = { store, storeIdentity: await this.#identityOf(signal), application };
    return readManifestOf(place, parsePointer(pointer, where), signal);
  }

  /** After a change of the scope: the state of the group is what others had, in the order of their hash keys. */
  async #putTogether(log: GroupLog, where: string, signal: AbortSignal): Promise<void> {
    const { inherits } = log.last ?? {};
    if (inherits === undefined) return;
    const parts: ParentMemory[] = [];
    const unclaimed = new Set<string>();
    const converted: Converted[] = [];
    const { codecs } = this.#options;
    for (const { group, pointer, hashKeyRange, part } of inherits) {
      const before = await this.logOf(group, pointer, where, signal);
      for (const operator of before.unclaimed) unclaimed.add(operator);
      converted.push(...before.converted);
      const memory = this.#memoryAt(before, log.times);
      const whole = { shardId: group, memory, ...(hashKeyRange === undefined ? {} : { hashKeyRange }) };
      parts.push(
        part === undefined
          ? whole
          : {
              ...whole,
              memory: inheritMemory({ shardId: group, hashKeyRange: part }, [whole], codecs),
              hashKeyRange: part,
            },
      );
    }
    log.adopt({ memory: mergeGroups(parts, codecs), unclaimed: [...unclaimed], converted });
  }

  /**
   * The log of a shard that committed nothing itself: it begins with what its parents committed with their ends.
   * `groupOf` names the group of a shard; `times`, where it stands, where it goes on from other times than its parents'.
   * @throws MillraceError as {@link logOf}; `MR_STATE_UNREACHABLE` for a parent that has state here which nothing names;
   * `MR_STATE_INVALID` where the parents' state cannot be divided or put together
   */
  async inheritedLog(
    groupOf: (shardId: string) => string,
    shard: ShardOpening,
    signal: AbortSignal,
    times?: GroupTimes,
  ): Promise<GroupLog> {
    const logs: { readonly parent: Omit<ParentMemory, 'memory'>; readonly log: GroupLog }[] = [];
    const unclaimed = new Set<string>();
    const converted: Converted[] = [];
    let latest: GroupLog['last'];
    for (const { shardId, state, hashKeyRange } of shard.inherited) {
      const log = await this.logOf(groupOf(shardId), state, `the lease of ${shardId}`, signal);
      for (const operator of log.unclaimed) unclaimed.add(operator);
      converted.push(...log.converted);
      logs.push({ parent: { shardId, ...(hashKeyRange === undefined ? {} : { hashKeyRange }) }, log });
      const { batchTimeMillis = 0 } = log.lastBatch ?? {};
      const isLater = latest === undefined || batchTimeMillis > latest.batchTimeMillis;
      if (isLater && log.last !== undefined) latest = { ...log.last, batchTimeMillis };
    }
    const to = times ?? latest;
    const parents = logs.map(({ parent, log }): ParentMemory => ({ ...parent, memory: this.#memoryAt(log, to) }));
    // After a change of the scope the state comes from the application's one group, and that of parents is old.
    const isMigrated = parents.some(({ shardId }) => shardId === applicationGroup);
    for (const parent of isMigrated ? [] : shard.parentShardIds) {
      if (!parents.some(({ shardId }) => shardId === parent)) await this.#checkStateless(groupOf(parent), signal);
    }
    const options = await this.#logOptions(groupOf(shard.shardId), signal);
    if (parents.length === 0) return GroupLog.begin(options);
    const memory = inheritMemory(shard, parents, this.#options.codecs);
    const ended = uniteEnded(...logs.map(({ log }) => log.last?.ended ?? []));
    const log = GroupLog.begin(options, memory, latest === undefined ? undefined : { ...latest, ended });
    log.adopt({ memory, unclaimed: [...unclaimed], converted });
    return log;
  }

  /** What a group left, with its windows as those of the group that goes on from it. */
  #memoryAt({ memory, times }: GroupLog, to: GroupTimes | undefined): Memory {
    const isKnown = times !== undefined && to !== undefined;
    return isKnown ? memoryAtTimes(memory, times, to, this.#options.codecs) : memory;
  }

  /** A parent that left nothing must never have had anything: a child never starts from nothing by mistake. */
  async #checkStateless(group: string, signal: AbortSignal): Promise<void> {
    const { store, application } = this.#options;
    const kept = await store.list(groupPrefix(application, group), signal);
    if (kept.length === 0) return;
    throw stateError(
      'MR_STATE_UNREACHABLE',
      store.location,
      `${group} has committed state here, and neither its lease nor those of its children name it; restore the lease table, or remove that state`,
    );
  }

  async #logOptions(group: string, signal: AbortSignal): Promise<GroupLogOptions> {
    return {
      ...this.#options,
      storeIdentity: await this.#identityOf(signal),
      group,
      snapshotIntervalBatches: this.#options.snapshotIntervalBatches ?? defaultSnapshotIntervalBatches,
      retainedVersions: this.#options.retainedVersions ?? defaultRetainedVersions,
      breathe: this.#options.breathe ?? (() => undefined),
    };
  }

  async #identityOf(signal: AbortSignal): Promise<string> {
    const { store, random } = this.#options;
    this.#identity ??= identityOf(store, random, signal);
    try {
      return await this.#identity;
    } catch (thrown) {
      // A fault that passes must not be remembered.
      this.#identity = undefined;
      throw thrown;
    }
  }
}
