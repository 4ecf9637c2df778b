import { type Position, SHARD_END, comparePositions, formatPosition } from '../../base/position.ts';
import { type Manifest, type NamedObject, type ReadManifest, readManifest } from '../../engine/commit/manifest.ts';
import { type Pointer, parsePointer } from '../../engine/commit/pointer.ts';
import { type Codecs, restoreMemory } from '../../engine/commit/state-pieces.ts';
import type { KeyedState } from '../../engine/state/keyed-state.ts';
import { type Lease, isEnded } from '../../lease/lease.ts';
import type { FakeKinesis } from '../fake-kinesis.ts';
import type { FakeObjectStore } from '../fake-object-store.ts';
import { hashKeyOf } from '../hash-key.ts';
import type { Ledger } from '../ledger.ts';
import { type KeptObjects, isAtEnd, keptWith, whyBadRewind, whyOtherLine, whyWrong } from './book-rules.ts';
import { type Counted, CountedShard, type Tally, countOne, differenceOf } from './tally.ts';
import type { Shown } from './shown.ts';

/** What {@link Books} looks at. */
export interface BooksOptions {
  readonly application: string;
  readonly scope: 'shard' | 'application';
  readonly codecs: Codecs;
  readonly retainedVersions: number;
  readonly store: FakeObjectStore;
  readonly kinesis: FakeKinesis;
  readonly ledger: Ledger;
  readonly shown: Shown;
  readonly leaseOf: (shardId: string) => Lease | undefined;
  /** An object was removed that a shard had left whose lease is gone, and nobody needs it any more. */
  readonly onCollected: () => void;
  /** Says that something is not as it must be. */
  readonly fail: (sentence: string) => void;
}

interface Group {
  /** The text of the row. */
  pointer: string;
  /** The plan that holds, of the batch after this one. */
  plan: string | undefined;
  batchId: number;
  batchTimeMillis: number;
  fence: number;
  /** Who wrote the last commit. */
  writer: string;
  manifest: Manifest;
  kept: KeptObjects;
  /** What must be counted now. */
  expected: Map<string, Counted>;
  /** What the group has begun with. */
  readonly inherited: Tally;
}

const applicationGroup = 'application';

/** By whom a group is taken back. */
export const operatorId = 'operator';

/**
 * Keeps the books of an engine: at every commit it reads what is committed, as a process would that starts now, and compares
 * it with what was put into the stream up to the committed positions. So state is exactly once at every commit, and not only
 * in the end.
 */
export class Books {
  readonly #options: BooksOptions;
  readonly #groups = new Map<string, Group>();
  readonly #counted = new Map<string, CountedShard>();
  /** Objects never change: each is read once. */
  readonly #read = new Map<string, ReadManifest>();
  readonly #hashes = new Map<string, bigint>();
  /** Every plan that was named, with who did it. */
  readonly #planned = new Set<string>();
  /** By group and batch id, who has committed it. */
  readonly #writers = new Map<string, string>();
  /** Manifests of groups that begin, also anew: a rewind to before one needs what the parents have left. */
  readonly #beginnings = new Set<string>();
  /** By manifest, the ended shards that it holds all of and need not name any more. */
  readonly #pruned = new Map<string, readonly string[]>();
  /** Of each shard the greatest position that was ever committed. */
  readonly #highest = new Map<string, Position>();
  #commits = 0;
  #rewinds = 0;

  constructor(options: BooksOptions) {
    this.#options = options;
    options.store.onRemove = (name) => this.#noteRemoval(name);
  }

  /** Commits so far. */
  get commits(): number {
    return this.#commits;
  }

  /** Groups that were taken back so far. */
  get rewinds(): number {
    return this.#rewinds;
  }

  /** Who wrote the commit of a batch; somebody may have taken the group back since. */
  writerOf(group: string, batchId: number): string | undefined {
    return this.#writers.get(`${group} ${batchId}`);
  }

  /** Whether a process named a plan of a batch, be it of earlier. */
  hasPlanned(group: string, batchId: number, writer: string): boolean {
    return this.#planned.has(`${group} ${batchId} ${writer}`);
  }

  /** The first record that is in no committed state, as the end of a sentence. */
  whyNotCounted(): string | undefined {
    for (const { shardId } of this.#options.ledger.shards) {
      const { first } = this.#shard(shardId);
      if (first !== undefined) return `record ${first.number} of ${shardId} is in no committed state`;
    }
    return undefined;
  }

  /** What must be counted in the end, by the groups that are not ended. */
  get openTallies(): readonly (readonly [group: string, tally: Tally])[] {
    const isOpen = ({ manifest }: Group) => manifest.scope === 'application' || !manifest.shards.every(isAtEnd);
    return [...this.#groups].filter(([, group]) => isOpen(group)).map(([name, { expected }]) => [name, expected]);
  }

  /** A lease row has come or changed. In `shard` scope a new text of the engine is a commit. */
  noteLease(before: Lease | undefined, after: Lease, writer: string): void {
    const { scope } = this.#options;
    const isNew = after.engineState !== undefined && after.engineState !== before?.engineState;
    if (scope === 'shard' && isNew) {
      this.#commit(after.leaseKey, after.engineState, after.tenure ?? 0, writer);
    }
    const { position: now } = this.#shard(after.leaseKey);
    // Under an epoch the leases follow, and may be ahead of what was taken back until the next holder aligns them.
    const position = scope === 'shard' ? now : (this.#highest.get(after.leaseKey) ?? now);
    if (comparePositions(after.checkpoint, position) <= 0) return;
    this.#options.fail(
      `the lease of ${after.leaseKey} says ${formatPosition(after.checkpoint)}, and only what is through ${formatPosition(position)} is committed`,
    );
  }

  /** The row of the application was written. */
  noteEpochRow(
    row: { readonly epoch: number; readonly batchId: number; readonly pointer?: string },
    writer: string,
  ): void {
    const known = this.#groups.get(applicationGroup);
    if (row.pointer === undefined || row.pointer === known?.pointer) return;
    this.#commit(applicationGroup, row.pointer, row.epoch, writer);
  }

  #commit(name: string, pointerText: string, fence: number, writer: string): void {
    const { fail, shown, retainedVersions } = this.#options;
    try {
      const pointer = parsePointer(pointerText, name);
      const known = this.#groups.get(name);
      if (pointer.plan !== undefined) return this.#plan(name, { pointer, pointerText, fence, writer });
      this.#commits += 1;
      const { manifest } = this.#object({ name: pointer.manifest, checksum: pointer.checksum });
      const before = known;
      if (writer === operatorId) return this.#takeBack(name, { pointer, pointerText, manifest });
      const { batchId, batchTimeMillis = manifest.batchTimeMillis } = pointer;
      const where = `batch ${batchId} of ${name}, committed by ${writer},`;
      const made = { batchId, batchTimeMillis, fence, manifest };
      const wrong =
        whyWrong(before, made) ?? whyOtherLine(before, manifest) ?? this.#whyMoved(before?.manifest, manifest);
      if (wrong !== undefined) return fail(`${where} ${wrong}`);
      const lacks = shown.whyNotShown(name, fence, batchId);
      if (lacks !== undefined) return fail(`${where} ${lacks}`);
      const chain = manifest.state?.chain ?? [];
      const kept = keptWith(before?.kept ?? [], pointer, manifest);
      if (kept === undefined) {
        return fail(`${where} names ${pointer.manifest}, which is not that of the batch before`);
      }
      const isNew = before === undefined || before.manifest.beginsAnew === true;
      const inherited = isNew ? this.#inherited(name) : before.inherited;
      const group: Group = {
        pointer: pointerText,
        plan: undefined,
        batchId,
        batchTimeMillis,
        fence,
        writer,
        manifest,
        kept: kept.slice(-retainedVersions),
        expected: isNew ? new Map(inherited) : before.expected,
        inherited,
      };
      this.#groups.set(name, group);
      this.#writers.set(`${name} ${batchId}`, writer);
      for (const { shardId, position } of manifest.shards) this.#count(group, shardId, position);
      this.#note(pointer.manifest, manifest, before === undefined);
      const difference = differenceOf(this.#stateOf(pointer, chain), group.expected);
      if (difference !== undefined) fail(`${where} is wrong: ${difference}`);
    } catch (thrown) {
      fail(`what ${writer} committed of ${name} cannot be read: ${String(thrown)}`);
    }
  }

  /**
   * A group was taken back: its state is that of its positions again, as if nothing had been read behind them. It is a commit
   * of its own, under a fence above that of every holder, with a lineage of its own.
   */
  #takeBack(
    name: string,
    {
      pointer,
      pointerText,
      manifest,
    }: { readonly pointer: Pointer; readonly pointerText: string; readonly manifest: Manifest },
  ): void {
    const { fail, scope, retainedVersions, leaseOf } = this.#options;
    const before = this.#groups.get(name);
    const where = `the rewind of ${name} to batch ${manifest.batchId}`;
    const { batchId, batchTimeMillis } = manifest;
    const made = { batchId, batchTimeMillis, fence: manifest.fence.number, manifest };
    const wrong = whyBadRewind(before, made);
    if (before === undefined || wrong !== undefined) return fail(`${where} ${wrong}`);
    const owner = scope === 'shard' ? leaseOf(name)?.leaseOwner : undefined;
    if (owner !== undefined) return fail(`${where} leaves the shard to ${owner}`);
    this.#rewinds += 1;
    if (manifest.beginsAnew === true) this.#beginnings.add(pointer.manifest);
    const chain = manifest.state?.chain ?? [];
    const kept = [...before.kept, [pointer.manifest, ...chain.map((object) => object.name)]].slice(-retainedVersions);
    const expected = manifest.beginsAnew === true ? new Map<string, Counted>() : new Map(before.inherited);
    const group: Group = {
      ...before,
      ...made,
      pointer: pointerText,
      plan: undefined,
      writer: operatorId,
      kept,
      expected,
    };
    this.#groups.set(name, group);
    // The state is that of the version whose object is the last of the chain.
    const pruned = this.#pruned.get(chain.at(-1)?.name ?? '') ?? [];
    this.#pruned.set(pointer.manifest, pruned);
    if (scope === 'application') this.#counted.clear();
    for (const { shardId, position } of [...pruned.map(ofEnded), ...manifest.shards]) {
      this.#counted.delete(shardId);
      this.#count(group, shardId, position);
    }
    const difference = differenceOf(this.#stateOf(pointer, chain), expected);
    if (difference !== undefined) fail(`${where} is wrong: ${difference}`);
  }

  /** A plan was named. It follows the last commit, stands alone, and is there. */
  #plan(
    name: string,
    {
      pointer,
      pointerText,
      fence,
      writer,
    }: { readonly pointer: Pointer; readonly pointerText: string; readonly fence: number; readonly writer: string },
  ): void {
    const { fail, store } = this.#options;
    const known = this.#groups.get(name);
    const { manifest } = this.#object({ name: pointer.manifest, checksum: pointer.checksum });
    const plan = pointer.plan?.name ?? '';
    const where = `the plan ${plan} of ${name}, named by ${writer},`;
    this.#planned.add(`${name} ${pointer.batchId + 1} ${writer}`);
    if (pointer.batchId !== (known?.batchId ?? 0))
      return fail(`${where} follows batch ${pointer.batchId}, not the last`);
    if (known?.plan !== undefined) return fail(`${where} takes the place of ${known.plan}`);
    if (store.peek(plan) === undefined) return fail(`${where} is not there`);
    const inherited = known?.inherited ?? this.#inherited(name);
    if (known === undefined) this.#beginnings.add(pointer.manifest);
    const group = known ?? {
      batchId: 0,
      batchTimeMillis: 0,
      writer: 'nobody',
      manifest,
      kept: [[pointer.manifest]],
      expected: new Map(inherited),
      inherited,
    };
    this.#groups.set(name, { ...group, fence, pointer: pointerText, plan });
  }

  #note(name: string, { shards, scope }: Manifest, isFirst: boolean): void {
    if (isFirst) this.#beginnings.add(name);
    if (scope === 'shard') return;
    const named = new Set(shards.map(({ shardId }) => shardId));
    const ended = [...this.#counted].filter(([shardId, counted]) => !named.has(shardId) && isAtEnd(counted));
    const shardIds = ended.map(([shardId]) => shardId);
    this.#pruned.set(name, shardIds);
  }

  #count({ expected }: Group, shardId: string, position: Position): void {
    const highest = this.#highest.get(shardId);
    if (highest === undefined || comparePositions(highest, position) < 0) this.#highest.set(shardId, position);
    for (const { partitionKey, numberOfKey } of this.#shard(shardId).moveTo(position)) {
      expected.set(partitionKey, countOne(expected.get(partitionKey), numberOfKey));
    }
  }

  /** What a shard begins with: of its parents, the keys that are its own. */
  #inherited(group: string): Map<string, Counted> {
    const { scope, ledger, kinesis } = this.#options;
    const inherited = new Map<string, Counted>();
    if (scope === 'application') return inherited;
    const view = kinesis.shards.find(({ shardId }) => shardId === group);
    const [start, end] = [BigInt(view?.startingHashKey ?? 0), BigInt(view?.endingHashKey ?? 0)];
    for (const parent of ledger.shard(group).parents) {
      const { first } = this.#shard(parent);
      if (first !== undefined) throw new Error(`record ${first.number} of its parent ${parent} is not committed`);
      for (const [key, counted] of this.#groups.get(parent)?.expected ?? []) {
        const hash = this.#hashOf(key);
        if (hash >= start && hash <= end) inherited.set(key, counted);
      }
    }
    return inherited;
  }

  #hashOf(key: string): bigint {
    const known = this.#hashes.get(key);
    if (known !== undefined) return known;
    const hash = hashKeyOf(key);
    this.#hashes.set(key, hash);
    return hash;
  }

  #stateOf(last: { readonly manifest: string; readonly checksum: string }, chain: readonly NamedObject[]): Tally {
    const objects = [...chain, { name: last.manifest, checksum: last.checksum }];
    const { memory } = restoreMemory(
      objects.map((object) => this.#object(object).pieces),
      this.#options.codecs,
    );
    const [state] = [...memory.values()] as (KeyedState<string, Counted> | undefined)[];
    return new Map([...(state?.entries ?? [])].map(([key, { value }]) => [key, value]));
  }

  #object({ name, checksum }: NamedObject): ReadManifest {
    const { store, application } = this.#options;
    const known = this.#read.get(name);
    const bytes = store.peek(name);
    if (bytes === undefined) throw new Error(`${name} is not there`);
    if (known !== undefined) return known;
    const read = readManifest(bytes, { location: store.location, name, checksum, application });
    this.#read.set(name, read);
    return read;
  }

  /** What a commit may not do to positions. */
  #whyMoved(before: Manifest | undefined, after: Manifest): string | undefined {
    const now = new Map(after.shards.map(({ shardId, position }) => [shardId, position]));
    for (const { shardId, position } of before?.shards ?? []) {
      const next = now.get(shardId);
      if (next !== undefined && comparePositions(next, position) < 0) {
        return `goes back in ${shardId} from ${formatPosition(position)} to ${formatPosition(next)}`;
      }
      const lease = this.#options.leaseOf(shardId);
      if (next === undefined && lease !== undefined && !isEnded(lease)) {
        return `forgets ${shardId}, whose lease is not ended`;
      }
    }
    return undefined;
  }

  #shard(shardId: string): CountedShard {
    const known = this.#counted.get(shardId);
    if (known !== undefined) return known;
    const fresh = new CountedShard(this.#options.ledger.shard(shardId));
    this.#counted.set(shardId, fresh);
    return fresh;
  }

  #noteRemoval(name: string): void {
    const { fail, onCollected } = this.#options;
    for (const [group, { kept, batchId, plan }] of this.#groups) {
      if (plan !== name && !kept.some((names) => names.includes(name))) continue;
      const why = this.#whyNeeded(group);
      if (why === undefined) onCollected();
      else fail(`${name} was removed, and a kept version of ${group} needs it (batch ${batchId} is committed): ${why}`);
    }
  }

  /** What an ended shard has left that nobody needs any more and is still there, as the end of a sentence. */
  whyNotCollected(): string | undefined {
    for (const [group, { kept }] of this.#groups) {
      const left = kept.flat().find((name) => this.#options.store.peek(name) !== undefined);
      if (left !== undefined && this.#whyNeeded(group) === undefined) return `nobody needs ${left}, and it is there`;
    }
    return undefined;
  }

  /** Why the kept versions of a group are to stay. */
  #whyNeeded(group: string): string | undefined {
    const { scope, ledger, leaseOf } = this.#options;
    if (scope === 'application' || leaseOf(group) !== undefined) return 'its row names them';
    for (const { shardId, parents } of ledger.childrenOf(group)) {
      const child = this.#groups.get(shardId);
      if (child === undefined) return `its child ${shardId} has committed nothing`;
      if (leaseOf(shardId) === undefined) continue;
      if (child.kept.some(([manifest = '']) => this.#beginnings.has(manifest))) return `${shardId} can begin anew`;
      const other = parents.find((parent) => leaseOf(parent) !== undefined);
      if (other !== undefined) return `${shardId} begins anew when ${other} is taken back`;
    }
    return undefined;
  }
}

/** A shard of which all is counted. */
const ofEnded = (shardId: string) => ({ shardId, position: SHARD_END });
