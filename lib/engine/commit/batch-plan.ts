import { type Position, formatPosition } from '../../base/position.ts';
import { stateError } from '../store/object-store.ts';
import { seal, type Sealed, unseal } from '../store/sealed.ts';
import { type Fence, formatFence } from './fence.ts';
import type { ExpectedManifest } from './manifest.ts';
import { checked, planSchema, plannedRangeSchema } from './manifest-schema.ts';

/** One block of a planned batch: the part (after, through] of a shard. */
export interface PlannedRange {
  readonly streamName: string;
  readonly shardId: string;
  readonly after: Position;
  readonly through: Position;
}

/**
 * Of what a batch is made, written down before it is processed. Whoever finds plan n runs plan n: the same id, the same
 * batch time, the same ranges in the same order, each a partition of its own; so that a sink that names its target by
 * the batch id writes the same again (design section 8).
 */
export interface BatchPlan {
  readonly application: string;
  readonly group: string;
  readonly batchId: number;
  readonly batchTimeMillis: number;
  /** Whose plan it is; another holder that finds it runs it under its own fence. */
  readonly fence: Fence;
  /** A plan of another lineage than its pointer's is void. */
  readonly lineage: number;
  readonly ranges: readonly PlannedRange[];
}

/** A plan as the object that is kept. */
export function sealPlan({ ranges, fence, ...rest }: BatchPlan): Sealed {
  const lines = [JSON.stringify({ ...rest, fence: formatFence(fence), ranges: ranges.length })];
  for (const { streamName, shardId, after, through } of ranges) {
    lines.push(JSON.stringify([streamName, shardId, formatPosition(after), formatPosition(through)]));
  }
  return seal('plan', lines);
}

/**
 * Reads an object that {@link sealPlan} made.
 * @throws MillraceError `MR_STATE_DAMAGED`, `MR_STATE_NEWER`; `MR_STATE_FOREIGN` for one of another application
 */
export function readPlan(bytes: Uint8Array, expected: ExpectedManifest): BatchPlan {
  const { location, name, application } = expected;
  const lines = unseal(bytes, { ...expected, kind: 'plan' });
  const head = checked(planSchema, lines.next().value);
  const damaged = (why: string) => stateError('MR_STATE_DAMAGED', location, `${name} is no plan of a batch: ${why}`);
  if (!head.ok) throw damaged(head.why);
  if (head.value.application !== application) {
    throw stateError(
      'MR_STATE_FOREIGN',
      location,
      `${name} belongs to application ${JSON.stringify(head.value.application)}, not to ${JSON.stringify(application)}; give each application a place of its own`,
    );
  }
  const ranges: PlannedRange[] = [];
  for (const line of lines) {
    const range = checked(plannedRangeSchema, line);
    if (!range.ok) throw damaged(range.why);
    const [streamName, shardId, after, through] = range.value;
    ranges.push({ streamName, shardId, after, through });
  }
  if (ranges.length !== head.value.ranges) throw damaged(`it holds ${ranges.length} ranges of ${head.value.ranges}`);
  return { ...head.value, ranges };
}
