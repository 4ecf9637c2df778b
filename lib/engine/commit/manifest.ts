import { type Position, formatPosition } from '../../base/position.ts';
import { unseal } from '../store/sealed.ts';
import { type Fence, formatFence } from './fence.ts';
import { checked, manifestSchema } from './manifest-schema.ts';
import { stateError } from '../store/object-store.ts';
import type { GroupTimes } from '../window/panes.ts';

/** An object by name and checksum. */
export interface NamedObject {
  readonly name: string;
  readonly checksum: string;
}

/**
 * The state of a group after a batch. What the batch left is in the object of the manifest itself, so that a commit
 * writes one object: all state (`snapshot`), or what differs from the version before (`changes`).
 */
export interface StateVersion {
  readonly own: 'snapshot' | 'changes';
  /** The objects of the versions before, from the last snapshot on, in order; empty for a snapshot. */
  readonly chain: readonly NamedObject[];
  /** The keys of the operators whose state it holds. */
  readonly operators: readonly string[];
  /** By operator, the version of its values' shape, where it is not 0; the same in all objects of the chain. */
  readonly versions?: Readonly<Record<string, number>>;
}

/** Records of a shard that nobody counted: retention had passed the position that was committed. */
export interface ShardGap {
  /** Of the records after this position some may have been lost. */
  readonly after: Position;
  /** The batch that went on behind it. */
  readonly batchId: number;
  readonly batchTimeMillis: number;
}

/** How far one shard is committed. */
export interface ShardProgress {
  readonly shardId: string;
  readonly streamName: string;
  /** SHARD_END once its last range is committed; it stays until the lease row says so too or is gone. */
  readonly position: Position;
  /** What LATEST or AT_TIMESTAMP means, after a seek to it. Milliseconds since 1970, service time. */
  readonly initialTimestampMillis?: number;
  /** The last gap in what was read of it; absent where there was none. */
  readonly gap?: ShardGap;
}

/** A group whose state another one goes on from, after the scope was changed. */
export interface InheritedGroup {
  readonly group: string;
  /** The text of the pointer to its last version. */
  readonly pointer: string;
  /** The part of the hash space that its keys are in. */
  readonly hashKeyRange?: HashRange;
  /** The part of it that counts, where another group has the rest already: one child of a shard that was split. */
  readonly part?: HashRange;
}

/** A part of the hash space, decimal integers as text, both inclusive. */
export interface HashRange {
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/**
 * What one commit made true, together: positions, state, identity of the batch. Immutable; a pointer in a row says which
 * one holds (design section 8).
 */
export interface Manifest {
  readonly application: string;
  readonly group: string;
  readonly scope: 'shard' | 'application';
  readonly batchId: number;
  readonly batchTimeMillis: number;
  /** From which windows and slides are counted; the same from the first batch on. */
  readonly zeroTimeMillis: number;
  readonly fence: Fence;
  readonly lineage: number;
  readonly shards: readonly ShardProgress[];
  /** Absent for a plan without state. */
  readonly state?: StateVersion;
  /** Event time, milliseconds since 1970. */
  readonly watermarkMillis?: number;
  /** How many versions are kept once it is committed, itself included: who looks at it may go back to those and no further. */
  readonly retained?: number;
  /** The manifest before this one, for rewinding and for the removal of garbage; absent for the first. */
  readonly follows?: NamedObject;
  /** What its state is made of, where the groups were others before: put together by the first who goes on from it. */
  readonly inherits?: readonly InheritedGroup[];
  /** After a rewind: where the version stood whose state it is. Windows are brought from there to the times of this one. */
  readonly stateTimes?: GroupTimes;
  /** Present for a shard that begins anew after a rewind, with what its parents will have left: only its batch ids go on. */
  readonly beginsAnew?: true;
  /** The batches up to this one that are not in its state, nor will be: a rewind has taken them back. In order, apart. */
  readonly voided?: readonly BatchIds[];
}

/** Batches of one group that follow each other, by id; both inclusive. */
export interface BatchIds {
  readonly from: number;
  readonly through: number;
}

/** One piece of the state of one operator; `data` is what its codec gave, and must be JSON. */
export interface StatePiece {
  readonly operator: string;
  /** Whether the piece is part of the operator's whole state, or of what differs from the version before. */
  readonly content: 'snapshot' | 'changes';
  readonly data: unknown;
}

/** A manifest and the state that belongs to it, as lines of an object: the manifest is the first. */
export function* linesOf(manifest: Manifest, pieces: Iterable<StatePiece> = []): Generator<string, void, undefined> {
  const { fence, shards, ...rest } = manifest;
  yield JSON.stringify({
    ...rest,
    fence: formatFence(fence),
    shards: shards.map(({ position, gap, ...shard }) => ({
      ...shard,
      position: formatPosition(position),
      ...(gap === undefined ? {} : { gap: { ...gap, after: formatPosition(gap.after) } }),
    })),
  });
  for (const { operator, content, data } of pieces) yield JSON.stringify([operator, content, data]);
}

/** What a manifest that is read must be. */
export interface ExpectedManifest extends NamedObject {
  readonly location: string;
  readonly application: string;
}

/** A manifest that was read, with the pieces of state in its object. */
export interface ReadManifest {
  readonly manifest: Manifest;
  readonly pieces: readonly StatePiece[];
}

/**
 * Reads an object that {@link linesOf} wrote.
 * @throws MillraceError `MR_STATE_DAMAGED`, `MR_STATE_NEWER`; `MR_STATE_FOREIGN` for one of another application
 */
export function readManifest(bytes: Uint8Array, expected: ExpectedManifest): ReadManifest {
  const lines = unseal(bytes, { ...expected, kind: 'manifest' });
  const manifest = headOf(lines, expected);
  const pieces: StatePiece[] = [];
  for (const line of lines) pieces.push(pieceOf(line, expected));
  return { manifest, pieces };
}

/** Like {@link readManifest}, without the state: that it is whole is checked all the same. */
export function readManifestAlone(bytes: Uint8Array, expected: ExpectedManifest): Manifest {
  return headOf(unseal(bytes, { ...expected, kind: 'manifest' }), expected);
}

function headOf(lines: Iterator<unknown, void>, { location, name, application }: ExpectedManifest): Manifest {
  const result = checked(manifestSchema, lines.next().value);
  if (!result.ok) throw stateError('MR_STATE_DAMAGED', location, `${name} is no manifest: ${result.why}`);
  const manifest: Manifest = result.value;
  if (manifest.application === application) return manifest;
  throw stateError(
    'MR_STATE_FOREIGN',
    location,
    `${name} belongs to application ${JSON.stringify(manifest.application)}, not to ${JSON.stringify(application)}; give each application a place of its own`,
  );
}

function pieceOf(line: unknown, { location, name }: ExpectedManifest): StatePiece {
  const [operator, content, data] = Array.isArray(line) ? (line as unknown[]) : [];
  if (typeof operator === 'string' && (content === 'snapshot' || content === 'changes')) {
    return { operator, content, data };
  }
  throw stateError('MR_STATE_DAMAGED', location, `${name} holds a line that is no piece of state`);
}

/** The committed position of a shard in a manifest; `undefined` when it has none. */
export function progressOf(manifest: Manifest, shardId: string, streamName: string): ShardProgress | undefined {
  return manifest.shards.find((shard) => shard.shardId === shardId && shard.streamName === streamName);
}
