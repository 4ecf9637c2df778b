import type { Random } from '../../base/random.ts';
import { stateError } from '../store/object-store.ts';
import { seal } from '../store/sealed.ts';
import type { GroupTimes } from '../window/panes.ts';
import type { Fence } from './fence.ts';
import {
  type BatchIds,
  type InheritedGroup,
  type Manifest,
  type ShardProgress,
  type StateVersion,
  linesOf,
} from './manifest.ts';
import { groupPrefix, newObjectName } from './object-names.ts';
import { type Pointer, formatPointer } from './pointer.ts';
import type { Version, VersionPlace } from './version-list.ts';

/** Where a group goes on from after a seek, a rewind or a migration. */
export interface Relocation {
  readonly group: string;
  readonly scope: 'shard' | 'application';
  /** The last committed version; `undefined` where none can be read. */
  readonly last: Version | undefined;
  /** Times to go on from, where they are not those of `last`. */
  readonly times?: Pick<Manifest, 'batchTimeMillis' | 'zeroTimeMillis'>;
  /** The last batch id and lineage, which the row tells also where no version can be read. */
  readonly before: Pick<Pointer, 'batchId' | 'batchTimeMillis' | 'lineage'> & Pick<Manifest, 'voided'>;
  readonly shards: readonly ShardProgress[];
  /** The version whose state holds from now on; `undefined` for none: state begins empty. */
  readonly state: Version | undefined;
  /** Groups whose state is put together by the first who goes on from here. */
  readonly inherits?: readonly InheritedGroup[];
  /** The shard begins anew, with what its parents will have left; `VOID`: what it has put out so far is void. */
  readonly anew?: 'KEEP' | 'VOID';
  /** Under what it is written: above that of every holder so far. */
  readonly fence: Fence;
}

/**
 * The manifest of a relocation; pure. It is a commit: the batch id goes on, so that no sink sees one twice; times go on, so
 * that they never go back; the lineage is a new one, so that marks of the one before are void. Its own id is void too: whoever
 * held the group may be about to put out a batch of that id, which it cannot commit any more.
 */
export function relocated(application: string, relocation: Relocation): Manifest {
  const { group, scope, last, before, shards, state, fence, anew } = relocation;
  const { inherits = state?.manifest.inherits } = relocation;
  const { watermarkMillis } = state?.manifest ?? {};
  const times = timesAfter(relocation);
  // Batches may have been committed since that changed nothing.
  const batchTimeMillis = Math.max(times.batchTimeMillis, before.batchTimeMillis ?? 0);
  const batchId = before.batchId + 1;
  return {
    application,
    group,
    scope,
    batchId,
    batchTimeMillis,
    zeroTimeMillis: times.zeroTimeMillis,
    fence,
    lineage: before.lineage + 1,
    shards,
    ...(state === undefined ? {} : stateOf(state)),
    ...stateTimesOf(relocation),
    ...(watermarkMillis === undefined ? {} : { watermarkMillis }),
    ...(last?.manifest.retained === undefined ? {} : { retained: last.manifest.retained }),
    ...(last === undefined ? {} : { follows: { name: last.name, checksum: last.checksum } }),
    ...(inherits === undefined ? {} : { inherits }),
    ...(anew === undefined && state?.manifest.beginsAnew === undefined ? {} : { beginsAnew: true }),
    voided: voidedBy(relocation, batchId),
    ...(last?.manifest.ended === undefined ? {} : { ended: last.manifest.ended }),
  };
}

/** Times to go on from. Where the last version cannot be read, windows are counted as in the one that is gone back to. */
function timesAfter({ times, last, state }: Relocation): GroupTimes {
  return times ?? (last ?? state)?.manifest ?? { batchTimeMillis: 0, zeroTimeMillis: 0 };
}

/** Where the state stood, unless it stands where the group does. */
function stateTimesOf(relocation: Relocation): Pick<Manifest, 'stateTimes'> {
  const { manifest } = relocation.state ?? {};
  if (manifest?.stateTimes !== undefined) return { stateTimes: manifest.stateTimes };
  if (manifest === undefined || !isBack(relocation)) return {};
  const { batchTimeMillis, zeroTimeMillis } = manifest;
  return { stateTimes: { batchTimeMillis, zeroTimeMillis } };
}

/** Whether the state that holds is an earlier one. */
function isBack({ last, state }: Pick<Relocation, 'last' | 'state'>): boolean {
  return state !== undefined && state.name !== last?.name;
}

/**
 * What is void from a relocation on: all that is not in the version that holds again, which may lie before an earlier rewind
 * or after it. Where no version is gone back to, what was put out stays.
 */
function voidedBy(relocation: Relocation, batchId: number): readonly BatchIds[] {
  const { before, state, anew } = relocation;
  if (anew === 'VOID') return [{ from: 1, through: batchId }];
  const held = isBack(relocation) ? state?.manifest : undefined;
  const earlier = (held === undefined ? before.voided : held.voided) ?? [];
  const from = (held ?? before).batchId + 1;
  const touching = earlier.at(-1);
  const isOne = touching !== undefined && touching.through + 1 === from;
  return [...(isOne ? earlier.slice(0, -1) : earlier), { from: isOne ? touching.from : from, through: batchId }];
}

/** The state of a version, unchanged: its objects are the chain of an object that changes nothing. */
function stateOf({ name, checksum, manifest }: Version): { readonly state?: StateVersion } {
  if (manifest.state === undefined) return {};
  // With the versions of its shape: what holds values that were converted is not converted again.
  const { chain, ...state } = manifest.state;
  return { state: { ...state, own: 'changes', chain: [...chain, { name, checksum }] } };
}

/** Writes a relocation down; it holds once a row names it. Answers the text for the row. */
export async function writeRelocation(
  place: VersionPlace & { readonly random: Random },
  relocation: Relocation,
  signal: AbortSignal,
): Promise<string> {
  const { store, storeIdentity, application, random } = place;
  const manifest = relocated(application, relocation);
  const { batchId, lineage, group, fence } = manifest;
  const { bytes, checksum } = seal('manifest', linesOf(manifest));
  const name = newObjectName(groupPrefix(application, group), { kind: 'manifest', batchId, fence }, random);
  if ((await store.create(name, bytes, signal)) === 'exists') {
    throw stateError('MR_STATE_FOREIGN', store.location, `${name} is there already, though its name is random`);
  }
  return formatPointer({ batchId, manifest: name, checksum, store: storeIdentity, location: store.location, lineage });
}
