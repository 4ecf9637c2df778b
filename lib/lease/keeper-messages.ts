import type { Position } from '../base/position.ts';
import type { LeaseLossReason } from '../event/event.ts';

/**
 * What the holder of leases is asked to do. Plain data, so that the keeper can live in a thread of its own.
 *
 * - `begin` a tenure of a lease that the table gives to this worker
 * - `checkpoint` a position, with the engine's text where there is one
 * - `prepare` a checkpoint: written beside the one that counts, with the application's bytes where there are any
 * - `release` a lease: to `to`, or to nobody
 */
export type KeeperRequest =
  | { readonly type: 'begin'; readonly leaseKey: string }
  | {
      readonly type: 'checkpoint';
      readonly leaseKey: string;
      readonly tenure: number;
      readonly checkpoint: Position;
      readonly engineState?: string;
      readonly caughtUpAtMillis?: number;
    }
  | {
      readonly type: 'prepare';
      readonly leaseKey: string;
      readonly tenure: number;
      readonly pendingCheckpoint: Position;
      readonly state?: Uint8Array;
    }
  | { readonly type: 'release'; readonly leaseKey: string; readonly tenure: number; readonly to?: string };

/** What became of a write of a held lease: applied under the fence, or the tenure is over. */
export type KeeperOutcome = 'applied' | 'lost';

/** What the keeper tells without being asked: a tenure is over, and why. */
export interface LeaseLost {
  readonly leaseKey: string;
  readonly tenure: number;
  readonly reason: LeaseLossReason;
}

/** What the keeper tells when the leader wants a held lease to go to another worker: finish it, then ask to release it. */
export interface HandoffBegun {
  readonly leaseKey: string;
  readonly tenure: number;
  readonly to: string;
}
