import type { Random } from '../../base/random.ts';
import { type Memory, emptyMemory } from '../memory.ts';
import { type ObjectStore, stateError } from '../store/object-store.ts';
import { sealInTurns } from '../store/sealed.ts';
import { type BatchPlan, readPlan, sealPlan } from './batch-plan.ts';
import { type NamedManifest, garbageOfCommit, orphans } from './garbage.ts';
import {
  type Manifest,
  type NamedObject,
  type ReadManifest,
  type StatePiece,
  type StateVersion,
  chainAfter,
  isPutTogether,
  linesOf,
} from './manifest.ts';
import { memoryAtTimes } from './memory-times.ts';
import { groupPrefix, newObjectName } from './object-names.ts';
import { type Pointer, formatPointer } from './pointer.ts';
import type { BatchResult, Prepared, WrittenPlan } from './prepared.ts';
import type { GroupTimes } from '../window/panes.ts';
import { bytesOf, readNamed, readNamedAlone } from './read-named.ts';
import { checkStore } from './version-list.ts';
import { type Converted, type StateConversions, versionsOf } from './state-conversion.ts';
import { type BatchName, isSameProgress } from './shard-progress.ts';
import { standsAlone } from './stands-alone.ts';
import { hasSameShape } from './state-shape.ts';
import { type Codecs, type Restored, changedPieces, restoreMemory, snapshotPieces } from './state-pieces.ts';

/** What a {@link GroupLog} needs. */
export interface GroupLogOptions {
  readonly store: ObjectStore;
  /** See `identityOf`. */
  readonly storeIdentity: string;
  readonly application: string;
  readonly group: string;
  readonly scope: 'shard' | 'application';
  /** By key of the memory, how each operator of the plan that remembers is written down. */
  readonly codecs: Codecs;
  /** How state of an earlier program is read; checked. */
  readonly conversions?: StateConversions;
  /** A batch of so many writes all state, those between what changed. */
  readonly snapshotIntervalBatches: number;
  /** How many of the last committed versions are kept for rewinding. */
  readonly retainedVersions: number;
  readonly random: Random;
  readonly breathe: () => Promise<void> | undefined;
}

/** A committed version that is kept. */
interface Kept extends NamedManifest {
  readonly checksum: string;
}

/**
 * The committed versions of one commit group: reads the last one back, writes the next one beside it, and removes what no
 * kept version needs. It never says which version holds; that is the pointer's affair, in a row under the fence.
 */
export class GroupLog {
  readonly #options: GroupLogOptions;
  readonly #prefix: string;
  /** The versions of the values' shapes that this program writes. */
  readonly #versions: StateVersion['versions'];
  /** The last committed manifests, oldest first. */
  #kept: Kept[] = [];
  #memory: Memory = emptyMemory;
  #origin: Manifest | undefined;
  #unclaimed: readonly string[] = [];
  #converted: readonly Converted[] = [];
  #lineage = 0;
  /** Whether all of the last kept versions are known; else nothing may be called an orphan. */
  #isHistoryWhole = true;
  #commitsSinceListing = 0;
  /** The last committed batch, where it and those since the last manifest changed nothing. */
  #idle: BatchName | undefined;
  /** The plan of the batch that is next, as the pointer names it. */
  #plan: Pick<WrittenPlan, 'plan' | 'object'> | undefined;

  private constructor(options: GroupLogOptions) {
    this.#options = options;
    this.#versions = versionsOf(options.codecs, options.conversions ?? new Map());
    this.#prefix = groupPrefix(options.application, options.group);
  }

  /**
   * A group that has committed nothing; `memory` is what it inherits, from shards that were split or merged, and `origin`
   * the last manifest of these.
   */
  static begin(options: GroupLogOptions, memory: Memory = emptyMemory, origin?: Manifest): GroupLog {
    const log = new GroupLog(options);
    log.#memory = memory;
    log.#origin = origin;
    return log;
  }

  /**
   * Reads the version that a pointer names.
   * @throws MillraceError `MR_STATE_UNREACHABLE` when the pointer names another place or its objects are not there;
   * `MR_STATE_DAMAGED`, `MR_STATE_NEWER`, `MR_STATE_FOREIGN`
   */
  static async recover(options: GroupLogOptions, pointer: Pointer, signal: AbortSignal): Promise<GroupLog> {
    const log = new GroupLog(options);
    await log.#recover(pointer, signal);
    return log;
  }

  /** The manifest that times go on from: the last committed one, or that of a parent shard. */
  get origin(): Manifest | undefined {
    return this.last ?? this.#origin;
  }

  /** The last committed manifest. */
  get last(): Manifest | undefined {
    return this.#kept.at(-1)?.manifest;
  }

  /** The last committed batch, whether or not it changed anything. */
  get lastBatch(): BatchName | undefined {
    return this.#idle ?? this.last;
  }

  /** Where its windows stand; `undefined` for a group that begins with nothing. */
  get times(): GroupTimes | undefined {
    const { origin, lastBatch } = this;
    if (origin === undefined) return undefined;
    return { batchTimeMillis: (lastBatch ?? origin).batchTimeMillis, zeroTimeMillis: origin.zeroTimeMillis };
  }

  /** What the operators remember after the last committed batch. */
  get memory(): Memory {
    return this.#memory;
  }

  /** The plan of the batch that follows the last version, where one holds: that batch must be run, and no other. */
  get plan(): BatchPlan | undefined {
    return this.#plan?.plan;
  }

  /**
   * What the group goes on with where its last version is made of those of other groups (`inherits`), or where it begins with
   * what its parents left; before a commit.
   */
  adopt({ memory, unclaimed, converted }: Restored): void {
    this.#memory = memory;
    this.#unclaimed = unclaimed;
    this.#converted = converted;
  }

  /** Keys of state that no operator of the plan has; their state is not carried on. */
  get unclaimed(): readonly string[] {
    return this.#unclaimed;
  }

  /**
   * State that was converted when it was read. It holds in the new shape from the next commit on, which writes all of it
   * with its version. Killed before that commit: the row still names the earlier version, and whoever comes next converts
   * it again. Killed after it: the version that the row names says that nothing is left to convert.
   */
  get converted(): readonly Converted[] {
    return this.#converted;
  }

  /**
   * Writes a batch down in an object of its own, durable when it resolves. Nothing holds yet: whoever dies now leaves an
   * orphan. May be called again for the same batch. Nothing is written for a batch that changes nothing, neither positions
   * nor state: its id and time go on in the pointer, so that outputs never see an id twice, and no time again.
   */
  async prepare(result: BatchResult, signal: AbortSignal): Promise<Prepared> {
    const { random, application, group, scope, breathe } = this.#options;
    const { memory, ...batch } = result;
    const before = this.#kept.at(-1);
    if (before !== undefined && this.#changesNothing(before.manifest, result)) return this.#prepareIdle(before, result);
    const { own, pieces } = this.#piecesOf(memory);
    const hasState = this.#options.codecs.size > 0;
    const { voided } = before?.manifest ?? {};
    const manifest: Manifest = {
      application,
      group,
      scope,
      ...batch,
      lineage: this.#lineage,
      retained: this.#options.retainedVersions,
      ...(hasState
        ? {
            state: {
              own,
              chain: own === 'snapshot' ? [] : chainAfter(before),
              operators: [...this.#options.codecs.keys()],
              ...(this.#versions === undefined ? {} : { versions: this.#versions }),
            },
          }
        : {}),
      ...(before === undefined ? {} : { follows: { name: before.name, checksum: before.checksum } }),
      ...(voided === undefined ? {} : { voided }),
    };
    const { bytes, checksum } = await sealInTurns('manifest', linesOf(manifest, pieces), breathe);
    const { batchId, fence } = batch;
    const name = newObjectName(this.#prefix, { kind: 'manifest', batchId, fence }, random);
    await this.#create(name, bytes, signal);
    const pointer = this.#pointer({ batchId, manifest: name, checksum }, result, manifest);
    return { named: { name, manifest }, checksum, memory, pointer, batch };
  }

  #changesNothing(last: Manifest, { shards, memory }: BatchResult): boolean {
    const { codecs } = this.#options;
    if (isPutTogether(last) || this.#unclaimed.length > 0) return false;
    if (!isSameProgress(last.shards, shards)) return false;
    if (codecs.size > 0 && !hasSameShape(last.state, codecs, this.#versions)) return false;
    return changedPieces(this.#memory, memory, codecs).next().done === true;
  }

  #prepareIdle({ name, checksum, manifest }: Kept, result: BatchResult): Prepared {
    const { memory, batchId, batchTimeMillis } = result;
    const pointer = this.#pointer({ batchId, batchTimeMillis, manifest: name, checksum }, result);
    return { named: { name, manifest }, checksum, memory, pointer, batch: { batchId, batchTimeMillis } };
  }

  /**
   * Writes down of what the next batch will be made, in an object of its own. `begin` is what a group starts from that has
   * committed nothing: it becomes version 0. Nothing holds before the pointer is written.
   */
  async writePlan(
    next: Pick<BatchPlan, 'batchId' | 'batchTimeMillis' | 'fence' | 'ranges'>,
    begin: Omit<BatchResult, 'batchId' | 'fence'>,
    signal: AbortSignal,
  ): Promise<WrittenPlan> {
    const { application, group, random } = this.#options;
    const { batchId, fence } = next;
    const begun =
      this.last === undefined ? await this.prepare({ ...begin, batchId: batchId - 1, fence }, signal) : undefined;
    const plan: BatchPlan = { application, group, lineage: this.#lineage, ...next };
    const { bytes, checksum } = sealPlan(plan);
    const name = newObjectName(this.#prefix, { kind: 'plan', batchId, fence }, random);
    await this.#create(name, bytes, signal);
    const object = { name, checksum };
    const last = begun === undefined ? this.#kept.at(-1) : { ...begun.named, checksum: begun.checksum };
    if (last === undefined) throw stateError('MR_INTERNAL', this.#options.store.location, `${group} has no version`);
    const { manifest, checksum: lastChecksum } = last;
    const at = { batchId: manifest.batchId, ...this.#idle, manifest: last.name, checksum: lastChecksum, plan: object };
    const pointer = this.#pointer(at, begin, begun === undefined ? undefined : manifest);
    return { plan, object, pointer, ...(begun === undefined ? {} : { begun }) };
  }

  /** The text that names a version, where `next` is one more than those that are kept. */
  #pointer(
    at: Omit<Pointer, 'store' | 'location' | 'lineage'>,
    { ended }: Pick<BatchResult, 'ended'>,
    next?: Manifest,
  ): string {
    const { storeIdentity, store } = this.#options;
    const isAlone = ended !== undefined && this.isAloneWith(next);
    const pointer = { ...at, store: storeIdentity, location: store.location, lineage: this.#lineage };
    return formatPointer({ ...pointer, ...(isAlone ? { standsAlone: true } : {}) });
  }

  /** See `standsAlone`; once `next` is the last version, too. */
  isAloneWith(next?: Manifest): boolean {
    const known = this.#kept.map(({ manifest }) => manifest);
    return standsAlone(next === undefined ? known : [...known, next]);
  }

  /** The pointer names a plan now. */
  notePlanned({ plan, object, begun }: WrittenPlan): void {
    this.#plan = { plan, object };
    if (begun === undefined) return;
    this.#memory = begun.memory;
    this.#kept.push({ ...begun.named, checksum: begun.checksum });
  }

  /** The commit of a prepared batch was written: it is the last version now. Answers what no kept version needs any more. */
  noteCommitted({ named, checksum, memory, batch }: Prepared): readonly string[] {
    this.#memory = memory;
    const plan = this.#plan === undefined ? [] : [this.#plan.object.name];
    this.#plan = undefined;
    const isIdle = named.manifest.batchId !== batch.batchId;
    this.#idle = isIdle ? batch : undefined;
    if (isIdle) return plan;
    // The version without it is the last one now, and the next ones need not be whole for it.
    this.#unclaimed = [];
    this.#kept.push({ ...named, checksum });
    this.#commitsSinceListing += 1;
    const dropped = this.#kept.splice(0, Math.max(0, this.#kept.length - this.#options.retainedVersions));
    if (dropped.length > 0) this.#isHistoryWhole = true;
    return [...garbageOfCommit(dropped, this.#kept), ...plan];
  }

  /** Removes garbage; only for the holder of the fence, after a commit of its own. A fault leaves it for another time. */
  async remove(names: readonly string[], signal: AbortSignal): Promise<void> {
    for (const name of names) await this.#options.store.remove(name, signal);
  }

  /** Whether it is time to look for orphans: after the first commit of a holder, then rarely. */
  get isListingDue(): boolean {
    return this.#isHistoryWhole && (this.#commitsSinceListing === 1 || this.#commitsSinceListing > listingInterval);
  }

  /** Objects of batches that nobody committed or can commit any more. */
  async findOrphans(signal: AbortSignal): Promise<readonly string[]> {
    this.#commitsSinceListing = 2;
    const listed = await this.#options.store.list(this.#prefix, signal);
    return orphans({ prefix: this.#prefix, listed, kept: this.#kept });
  }

  #piecesOf(memory: Memory): { readonly own: 'snapshot' | 'changes'; readonly pieces: Iterable<StatePiece> } {
    const manifest = this.#kept.at(-1)?.manifest;
    const last = manifest?.state;
    const { codecs, snapshotIntervalBatches } = this.#options;
    const isSnapshot =
      !hasSameShape(last, codecs, this.#versions) ||
      last.chain.length + 1 >= snapshotIntervalBatches ||
      this.#unclaimed.length > 0 ||
      // The objects of the chain hold its windows at other times.
      manifest?.stateTimes !== undefined;
    return {
      own: isSnapshot ? 'snapshot' : 'changes',
      pieces: isSnapshot ? snapshotPieces(memory, codecs) : changedPieces(this.#memory, memory, codecs),
    };
  }

  async #recover(pointer: Pointer, signal: AbortSignal): Promise<void> {
    checkStore(this.#options, pointer);
    this.#lineage = pointer.lineage;
    const { batchId, batchTimeMillis } = pointer;
    this.#idle = batchTimeMillis === undefined ? undefined : { batchId, batchTimeMillis };
    const last = await readNamed(this.#options, { name: pointer.manifest, checksum: pointer.checksum }, signal);
    const { state } = last.manifest;
    const before = await Promise.all((state?.chain ?? []).map((object) => readNamed(this.#options, object, signal)));
    const restored = restoreMemory(
      [...before, last].map((one) => one.pieces),
      this.#options.codecs,
      { conversions: this.#options.conversions ?? new Map(), versions: state?.versions },
    );
    const { stateTimes } = last.manifest;
    const { codecs } = this.#options;
    const { memory } = restored;
    this.adopt({
      ...restored,
      memory: stateTimes === undefined ? memory : memoryAtTimes(memory, stateTimes, last.manifest, codecs),
    });
    if (pointer.plan !== undefined) await this.#findPlan(pointer.plan, pointer, signal);
    const chain = new Map(
      (state?.chain ?? []).map(({ name }, index) => [name, (before[index] as ReadManifest).manifest]),
    );
    await this.#readHistory({ ...pointer, last: last.manifest, chain }, signal);
  }

  async #findPlan(object: NamedObject, pointer: Pointer, signal: AbortSignal): Promise<void> {
    const { store, application } = this.#options;
    const bytes = await bytesOf(this.#options, object.name, signal);
    const plan = readPlan(bytes, { ...object, location: store.location, application });
    if (plan.lineage !== pointer.lineage) return;
    if (plan.batchId !== pointer.batchId + 1) {
      const why = `is the plan of batch ${plan.batchId}, and the last commit is batch ${pointer.batchId}`;
      throw stateError('MR_STATE_DAMAGED', store.location, `${object.name} ${why}; restore the row that names it`);
    }
    this.#plan = { plan, object };
  }

  async #create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    if ((await store.create(name, bytes, signal)) === 'created') return;
    throw stateError('MR_STATE_FOREIGN', store.location, `${name} is there already, though its name is random`);
  }

  /** The versions before the last one, as far as they are kept. One that cannot be read only leaves garbage behind. */
  async #readHistory(
    {
      manifest: name,
      checksum,
      last,
      chain,
    }: Pick<Pointer, 'manifest' | 'checksum'> & {
      readonly last: Manifest;
      readonly chain: ReadonlyMap<string, Manifest>;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const history = [{ name, checksum, manifest: last }];
    let { follows } = last;
    while (follows !== undefined && history.length < this.#options.retainedVersions) {
      try {
        // What the state is made of was read already, and of older versions the state does not matter.
        const manifest = chain.get(follows.name) ?? (await readNamedAlone(this.#options, follows, signal));
        history.unshift({ ...follows, manifest });
        follows = manifest.follows;
      } catch {
        signal.throwIfAborted();
        this.#isHistoryWhole = false;
        break;
      }
    }
    this.#kept = history;
  }
}

/** After how many commits orphans are looked for again. */
const listingInterval = 200;
