import { comparePositions, formatPosition, type Position, SHARD_END } from '../../base/position.ts';
import { type Manifest, type NamedObject, type ReadManifest, readManifest } from '../../engine/commit/manifest.ts';
import { type Pointer, parsePointer } from '../../engine/commit/pointer.ts';
import { type Codecs, restoreMemory } from '../../engine/commit/state-pieces.ts';
import type { KeyedState } from '../../engine/state/keyed-state.ts';
import { type Lease, isEnded } from '../../lease/lease.ts';
import type { FakeKinesis } from '../fake-kinesis.ts';
import type { FakeObjectStore } from '../fake-object-store.ts';
import { hashKeyOf } from '../hash-key.ts';
import type { Ledger } from '../ledger.ts';
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
  /** The objects that each of the kept versions needs, the last one last. */
  kept: (readonly string[])[];
  /** What must be counted now. */
  readonly expected: Map<string, Counted>;
}

const applicationGroup = 'application';

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
  #commits = 0;

  constructor(options: BooksOptions) {
    this.#options = options;
    options.store.onRemove = (name) => this.#noteRemoval(name);
  }

  /** Commits so far. */
  get commits(): number {
    return this.#commits;
  }

  /** Who wrote the commit of a batch, if it is the last one of its group. */
  writerOf(group: string, batchId: number): string | undefined {
    const known = this.#groups.get(group);
    return known?.batchId === batchId ? known.writer : undefined;
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
    const { position } = this.#shard(after.leaseKey);
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
      const { batchId, batchTimeMillis = manifest.batchTimeMillis } = pointer;
      const where = `batch ${batchId} of ${name}, committed by ${writer},`;
      const made = { batchId, batchTimeMillis, fence, manifest };
      const wrong = whyWrong(before, made) ?? this.#whyMoved(before?.manifest, manifest);
      if (wrong !== undefined) return fail(`${where} ${wrong}`);
      const lacks = shown.whyNotShown(name, fence, batchId);
      if (lacks !== undefined) return fail(`${where} ${lacks}`);
      const chain = manifest.state?.chain ?? [];
      const kept = keptWith(before?.kept ?? [], pointer, manifest);
      if (kept === undefined) {
        return fail(`${where} names ${pointer.manifest}, which is not that of the batch before`);
      }
      const group: Group = {
        pointer: pointerText,
        plan: undefined,
        batchId,
        batchTimeMillis,
        fence,
        writer,
        manifest,
        kept: kept.slice(-retainedVersions),
        expected: before?.expected ?? this.#inherited(name),
      };
      this.#groups.set(name, group);
      for (const { shardId, position } of manifest.shards) this.#count(group, shardId, position);
      const difference = differenceOf(this.#stateOf(pointer, chain), group.expected);
      if (difference !== undefined) fail(`${where} is wrong: ${difference}`);
    } catch (thrown) {
      fail(`what ${writer} committed of ${name} cannot be read: ${String(thrown)}`);
    }
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
    const group = known ?? {
      batchId: 0,
      batchTimeMillis: 0,
      writer: 'nobody',
      manifest,
      kept: [[pointer.manifest]],
      expected: this.#inherited(name),
    };
    this.#groups.set(name, { ...group, fence, pointer: pointerText, plan });
  }

  #count({ expected }: Group, shardId: string, position: Position): void {
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
    for (const [group, { kept, batchId, plan }] of this.#groups) {
      if (plan === name || kept.some((names) => names.includes(name))) {
        this.#options.fail(
          `${name} was removed, and a kept version of ${group} needs it (batch ${batchId} is committed)`,
        );
      }
    }
  }
}

function isAtEnd({ position }: { readonly position: Position }): boolean {
  return comparePositions(position, SHARD_END) === 0;
}

/** What a commit may not do to the identity of batches. */
function whyWrong(
  before: Group | undefined,
  made: Pick<Group, 'batchId' | 'batchTimeMillis' | 'fence' | 'manifest'>,
): string | undefined {
  const { batchId, batchTimeMillis, fence, manifest } = made;
  const expected = (before?.batchId ?? 0) + 1;
  if (batchId !== expected) return `should be batch ${expected}`;
  if (before !== undefined && batchTimeMillis <= before.batchTimeMillis) {
    return `has the time ${batchTimeMillis}, and the one before ${before.batchTimeMillis}`;
  }
  // One that changed nothing names the manifest of another holder, too.
  const isMade = manifest.batchId === batchId;
  if (isMade && manifest.fence.number !== fence) {
    return `was made under fence ${manifest.fence.number}, not ${fence}`;
  }
  if (fence < (before?.fence ?? 0)) return `was made under fence ${fence}, after one of ${before?.fence}`;
  return undefined;
}

/**
 * The objects of the versions that are kept with those of a commit. A commit by its pointer alone adds none, and may name
 * only the last manifest: `undefined` where it names another.
 */
function keptWith(
  kept: Group['kept'],
  { batchId, manifest: name }: Pointer,
  { batchId: written, state }: Manifest,
): Group['kept'] | undefined {
  if (written !== batchId) return kept.at(-1)?.[0] === name ? kept : undefined;
  return [...kept, [name, ...(state?.chain ?? []).map((object) => object.name)]];
}
