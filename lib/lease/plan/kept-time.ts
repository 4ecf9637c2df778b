import type { Lease } from '../lease.ts';

/**
 * How much younger than the oldest record a time must be to count as one that the stream has. Who asks for the last 24 h of a
 * stream that keeps 24 h means its oldest record, and by the time that a shard is opened the time is past retention.
 */
const edgeMillis = 600_000;

/** What a time is held against, milliseconds. */
export interface KeptTimeInput {
  /** The service's time now, since 1970. */
  readonly serviceTimeMillis: number;
  /** How long the stream keeps records; without it no time counts as kept. */
  readonly retentionMillis: number | undefined;
  /** Creation time of the stream, since 1970: before it nothing was put. */
  readonly streamCreatedAtMillis: number;
}

/**
 * What a new lease at a time that somebody gave says about what is promised: where the stream still has that time, all that
 * was put since, and whoever opens the lease later finds out by `caughtUpAtMillis` whether retention has passed it meanwhile.
 * A time that is past already means the oldest record, whenever the lease is opened: then it says nothing. Pure.
 */
export function keptTime(timestampMillis: number, input: KeptTimeInput): Pick<Lease, 'caughtUpAtMillis'> {
  const { serviceTimeMillis, retentionMillis, streamCreatedAtMillis } = input;
  if (retentionMillis === undefined) return {};
  if (timestampMillis < serviceTimeMillis - retentionMillis + edgeMillis) return {};
  return { caughtUpAtMillis: Math.floor(Math.max(timestampMillis, streamCreatedAtMillis)) };
}
