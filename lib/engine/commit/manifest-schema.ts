import * as z from 'zod';
import { parsePosition } from '../../base/position.ts';
import { parseFence } from './fence.ts';

const namedObject = z.object({ name: z.string(), checksum: z.string() });
const count = z.int().nonnegative();

const position = z.string().transform((text, context) => {
  const parsed = parsePosition(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no position` });
  return z.NEVER;
});

const fence = z.string().transform((text, context) => {
  const parsed = parseFence(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no fence` });
  return z.NEVER;
});

const hashRange = z.object({ startingHashKey: z.string(), endingHashKey: z.string() });

/** How a manifest is written down; unknown fields are those of a later minor version, and left alone. */
export const manifestSchema = z.object({
  application: z.string(),
  group: z.string(),
  scope: z.enum(['shard', 'application']),
  batchId: count,
  batchTimeMillis: count,
  zeroTimeMillis: count,
  fence,
  lineage: count,
  shards: z.array(
    z.object({
      shardId: z.string(),
      streamName: z.string(),
      position,
      initialTimestampMillis: z.number().exactOptional(),
      gap: z.object({ after: position, batchId: count, batchTimeMillis: count }).exactOptional(),
    }),
  ),
  state: z
    .object({
      own: z.enum(['snapshot', 'changes']),
      chain: z.array(namedObject),
      operators: z.array(z.string()),
      versions: z.record(z.string(), count).exactOptional(),
    })
    .exactOptional(),
  watermarkMillis: z.number().exactOptional(),
  retained: count.exactOptional(),
  follows: namedObject.exactOptional(),
  inherits: z
    .array(
      z.object({
        group: z.string(),
        pointer: z.string(),
        hashKeyRange: hashRange.exactOptional(),
        part: hashRange.exactOptional(),
      }),
    )
    .exactOptional(),
  stateTimes: z.object({ batchTimeMillis: count, zeroTimeMillis: count }).exactOptional(),
  beginsAnew: z.literal(true).exactOptional(),
  voided: z.array(z.object({ from: count, through: count })).exactOptional(),
  ended: z.array(z.object({ shardId: z.string(), hashKeyRange: hashRange })).exactOptional(),
});

/** How the first line of a plan is written down; its ranges follow, a line each. */
export const planSchema = z.object({
  application: z.string(),
  group: z.string(),
  batchId: count,
  batchTimeMillis: count,
  fence,
  lineage: count,
  ranges: count,
});

/** A range of a plan: stream, shard, the position it follows, and its end. */
export const plannedRangeSchema = z.tuple([z.string(), z.string(), position, position]);
