import * as v from 'valibot';
import { parsePosition } from '../../base/position.ts';
import { parseFence } from './fence.ts';

const namedObject = v.object({ name: v.string(), checksum: v.string() });
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const finite = v.pipe(v.number(), v.finite());

/** A count for each name. Valibot's `record` leaves out names such as `constructor`, and an operator may have one. */
const counts = v.custom<Readonly<Record<string, number>>>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => v.is(count, one)),
  'Invalid type: Expected counts by name',
);

/** A text that `read` makes a value of. */
function written<T>(read: (text: string) => T | undefined, what: string) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset: { value }, addIssue, NEVER }) => {
      const made = read(value);
      if (made !== undefined) return made;
      addIssue({ message: `${JSON.stringify(value)} is no ${what}` });
      return NEVER;
    }),
  );
}

const position = written(parsePosition, 'position');
const fence = written(parseFence, 'fence');

const hashRange = v.object({ startingHashKey: v.string(), endingHashKey: v.string() });

/** How a manifest is written down; unknown fields are those of a later minor version, and left alone. */
export const manifestSchema = v.object({
  application: v.string(),
  group: v.string(),
  scope: v.picklist(['shard', 'application']),
  batchId: count,
  batchTimeMillis: count,
  zeroTimeMillis: count,
  fence,
  lineage: count,
  shards: v.array(
    v.object({
      shardId: v.string(),
      streamName: v.string(),
      position,
      initialTimestampMillis: v.exactOptional(finite),
      gap: v.exactOptional(v.object({ after: position, batchId: count, batchTimeMillis: count })),
    }),
  ),
  state: v.exactOptional(
    v.object({
      own: v.picklist(['snapshot', 'changes']),
      chain: v.array(namedObject),
      operators: v.array(v.string()),
      versions: v.exactOptional(counts),
    }),
  ),
  watermarkMillis: v.exactOptional(finite),
  retained: v.exactOptional(count),
  follows: v.exactOptional(namedObject),
  inherits: v.exactOptional(
    v.array(
      v.object({
        group: v.string(),
        pointer: v.string(),
        hashKeyRange: v.exactOptional(hashRange),
        part: v.exactOptional(hashRange),
      }),
    ),
  ),
  stateTimes: v.exactOptional(v.object({ batchTimeMillis: count, zeroTimeMillis: count })),
  beginsAnew: v.exactOptional(v.literal(true)),
  voided: v.exactOptional(v.array(v.object({ from: count, through: count }))),
});

/** How the first line of a plan is written down; its ranges follow, a line each. */
export const planSchema = v.object({
  application: v.string(),
  group: v.string(),
  batchId: count,
  batchTimeMillis: count,
  fence,
  lineage: count,
  ranges: count,
});

/** A range of a plan: stream, shard, the position it follows, and its end. */
export const plannedRangeSchema = v.strictTuple([v.string(), v.string(), position, position]);

/** A value as a schema has it, or why it is none. */
export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

/** Checks a value that was read against one of the schemas above. */
export function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): Checked<T> {
  const { success, output, issues } = v.safeParse(schema, value, { abortEarly: true });
  return success ? { ok: true, value: output } : { ok: false, why: issues[0].message };
}
