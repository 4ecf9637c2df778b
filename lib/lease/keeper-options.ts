import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import type { Certainty } from './certainty.ts';
import type { HandoffBegun, LeaseLost } from './keeper-messages.ts';
import type { Lease } from './lease.ts';
import type { LeaseTable } from './lease-table.ts';
import type { InitialPosition } from './plan/shard-sync-plan.ts';

/** The longest retention of Kinesis, 365 days and one more: a position that far back is the oldest record there is. */
const longestRetentionMillis = 366 * 24 * 3_600_000;

/** What a `LeaseKeeper` needs. */
export interface LeaseKeeperOptions {
  readonly table: LeaseTable;
  readonly workerIdentifier: string;
  /** F: a lease whose counter stands still for longer may be taken by others. */
  readonly failoverTimeMillis: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
  /** The service's time: what LATEST means for a row that Java made. */
  readonly serviceTimeMillis: () => number;
  /** What AT_TIMESTAMP means for a row that Java made: Java keeps the time in its configuration, not in the row. */
  readonly initialPosition: InitialPosition;
  /** Hears of every tenure that begins, before anything else about it. */
  readonly onHeld?: (lease: Lease, certainty: Certainty) => void;
  /** Hears of every tenure that ends without having been released here. */
  readonly onLost: (lost: LeaseLost) => void;
  /** Hears when the leader begins to hand a held lease to another worker. */
  readonly onHandoff: (begun: HandoffBegun) => void;
}

/**
 * What a sentinel means for a row that Java made, milliseconds since 1970. A row of another AT_TIMESTAMP than the configured
 * one is read from the oldest record on: never too late.
 */
export function timestampOf(
  sentinel: 'LATEST' | 'AT_TIMESTAMP',
  { serviceTimeMillis, initialPosition }: Pick<LeaseKeeperOptions, 'serviceTimeMillis' | 'initialPosition'>,
): number {
  if (sentinel === 'LATEST') return Math.floor(serviceTimeMillis());
  if (initialPosition.type === 'AT_TIMESTAMP') return initialPosition.timestampMillis;
  return Math.floor(serviceTimeMillis()) - longestRetentionMillis;
}
