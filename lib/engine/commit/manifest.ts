import { type Position, formatPosition } from '../../base/position.ts';
import { type Sealed, seal, unseal } from '../store/sealed.ts';
import { type Fence, formatFence } from './fence.ts';
import { manifestSchema } from './manifest-schema.ts';
import { stateError } from '../store/object-store.ts';

/** One object of a state version, by name and checksum. */
export interface StateObject {
  readonly name: string;
  readonly checksum: string;
}

/** The state of a group after a batch: a snapshot, and the changes since, in order. */
export interface StateVersion {
  /** The batch of the snapshot. */
  readonly snapshotBatchId: number;
  readonly snapshot: StateObject;
  readonly changes: readonly StateObject[];
  /** The operator ids whose state it holds. */
  readonly operators: readonly string[];
}

/** How far one shard is committed. */
export interface ShardProgress {
  readonly shardId: string;
  readonly streamName: string;
  /** SHARD_END once its last range is committed; it stays until the lease row says so too or is gone. */
  readonly position: Position;
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
  readonly fence: Fence;
  readonly lineage: number;
  readonly shards: readonly ShardProgress[];
  /** Absent for a plan without state. */
  readonly state?: StateVersion;
  /** Event time, milliseconds since 1970. */
  readonly watermarkMillis?: number;
  /** The manifest before this one, for rewinding and for the removal of garbage; absent for the first. */
  readonly follows?: StateObject;
}

/** A manifest as an object to be created. */
export function sealManifest(manifest: Manifest): Sealed {
  const { fence, shards, ...rest } = manifest;
  const line = JSON.stringify({
    ...rest,
    fence: formatFence(fence),
    shards: shards.map(({ position, ...shard }) => ({ ...shard, position: formatPosition(position) })),
  });
  return seal('manifest', [line]);
}

/** What a manifest that is read must be. */
export interface ExpectedManifest extends StateObject {
  readonly location: string;
  readonly application: string;
}

/**
 * Reads a manifest.
 * @throws MillraceError `MR_STATE_DAMAGED`, `MR_STATE_NEWER`; `MR_STATE_FOREIGN` for one of another application
 */
export function unsealManifest(bytes: Uint8Array, expected: ExpectedManifest): Manifest {
  const [value, ...more] = unseal(bytes, { ...expected, kind: 'manifest' });
  const result = manifestSchema.safeParse(value);
  if (!result.success || more.length > 0) {
    const why = result.success ? 'more than one line' : (result.error.issues[0]?.message ?? 'no manifest');
    throw stateError('MR_STATE_DAMAGED', expected.location, `${expected.name} is no manifest: ${why}`);
  }
  const manifest: Manifest = result.data;
  if (manifest.application !== expected.application) {
    throw stateError(
      'MR_STATE_FOREIGN',
      expected.location,
      `${expected.name} belongs to application ${JSON.stringify(manifest.application)}, not to ${JSON.stringify(expected.application)}; give each application a place of its own`,
    );
  }
  return manifest;
}

/** The committed position of a shard in a manifest; `undefined` when it has none. */
export function progressOf(manifest: Manifest, shardId: string, streamName: string): ShardProgress | undefined {
  return manifest.shards.find((shard) => shard.shardId === shardId && shard.streamName === streamName);
}
