import { type Position, SHARD_END, comparePositions } from '../../base/position.ts';
import type { Manifest } from '../../engine/commit/manifest.ts';
import type { Pointer } from '../../engine/commit/pointer.ts';

/** A commit as far as the rules go by it. */
export interface RuledCommit {
  readonly batchId: number;
  readonly batchTimeMillis: number;
  readonly fence: number;
  readonly manifest: Manifest;
}

/** The objects that each of the kept versions needs, the last one last. */
export type KeptObjects = readonly (readonly string[])[];

/** Whether a shard is committed to its end. */
export function isAtEnd({ position }: { readonly position: Position }): boolean {
  return comparePositions(position, SHARD_END) === 0;
}

/** What a commit may not do to the identity of batches. */
export function whyWrong(before: RuledCommit | undefined, made: RuledCommit): string | undefined {
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

/** A batch goes on in the lineage that holds. */
export function whyOtherLine(before: RuledCommit | undefined, { lineage, batchId }: Manifest): string | undefined {
  const expected = before?.manifest.lineage ?? 0;
  return lineage === expected ? undefined : `names version ${batchId} of lineage ${lineage}, and ${expected} holds`;
}

/**
 * The objects of the versions that are kept with those of a commit. A commit by its pointer alone adds none, and may name
 * only the last manifest: `undefined` where it names another.
 */
export function keptWith(
  kept: KeptObjects,
  { batchId, manifest: name }: Pointer,
  { batchId: written, state }: Manifest,
): KeptObjects | undefined {
  if (written !== batchId) return kept.at(-1)?.[0] === name ? kept : undefined;
  return [...kept, [name, ...(state?.chain ?? []).map((object) => object.name)]];
}

/**
 * What a rewind may not do: it is a commit of its own, under a fence above that of every holder, with a lineage of its own, and
 * never back in time.
 */
export function whyBadRewind(before: RuledCommit | undefined, made: RuledCommit): string | undefined {
  if (before === undefined) return 'takes back what has committed nothing';
  const { batchId, batchTimeMillis, fence, manifest } = made;
  const lineage = before.manifest.lineage + 1;
  if (batchId !== before.batchId + 1) return `should be batch ${before.batchId + 1}`;
  if (manifest.lineage !== lineage) return `has lineage ${manifest.lineage}, and should have ${lineage}`;
  if (fence <= before.fence) return `is under fence ${fence}, after one of ${before.fence}`;
  if (batchTimeMillis < before.batchTimeMillis) return 'goes back in time';
  return undefined;
}
