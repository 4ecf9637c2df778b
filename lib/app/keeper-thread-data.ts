import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';
import type { OnStall } from '../lease/thread/stall-guard.ts';
import type { FromKeeperThread, ToKeeperThread } from '../lease/thread/thread-messages.ts';
import type { CredentialIdentity } from './config/consumer-options.ts';
import type { LeaseTableSettings } from './lease-table.ts';

/** Everything that the thread of the keeper is started with: plain data. */
export interface KeeperThreadData {
  readonly tables: LeaseTableSettings;
  readonly workerIdentifier: string;
  readonly failoverTimeMillis: number;
  readonly initialPosition: InitialPosition;
  readonly stalledAfterMillis: number;
  readonly onStall: OnStall;
  /** As the main thread's client has found it. */
  readonly region: string;
  readonly credentials: CredentialIdentity;
  readonly dynamoDBEndpoint: string | undefined;
  /** The memory of the main thread's heartbeat. */
  readonly heartbeat: SharedArrayBuffer;
  /** Whether a stall is logged by the thread itself, since the main one may never be there to do so. */
  readonly logsStalls: boolean;
}

/** What the main thread says: what the keeper is asked, and the credentials to ask with from now on. */
export type ToThread = ToKeeperThread | { readonly type: 'credentials'; readonly credentials: CredentialIdentity };

/** What the thread says: that it is ready, then what the keeper tells. */
export type FromThread = FromKeeperThread | { readonly type: 'ready' };
