import type { ErrorSubject } from '../base/error.ts';
import type {
  AssignReason,
  BatchDropReason,
  BatchFigures,
  BatchInput,
  BatchStep,
  BrokenAggregate,
  LeaseLossReason,
  OutputPromise,
  OutputTry,
  SubscriptionEnd,
} from './event-words.ts';

export type * from './event-words.ts';

/**
 * Everything that Millrace tells about itself: plain data, no record contents, no partition keys. Names are
 * noun.verb, positions are texts as `formatPosition` writes them, times are milliseconds. The union is closed:
 * a listener may switch over `type` and be told by the compiler when a new event appears.
 */
export type MillraceEvent =
  | {
      readonly type: 'worker.started';
      readonly workerIdentifier: string;
      readonly applicationName: string;
      /** How long the stream keeps records. */
      readonly retentionMillis?: number;
    }
  | { readonly type: 'worker.stopped'; readonly workerIdentifier: string }
  | { readonly type: 'worker.drainRequested'; readonly workerIdentifier: string; readonly request: string }
  | {
      readonly type: 'worker.draining';
      readonly workerIdentifier: string;
      /** The shards with blocks that are not finished. */
      readonly shards: readonly string[];
      readonly blocks: number;
      /** How long the drain has waited. */
      readonly forMillis: number;
    }
  | { readonly type: 'worker.joined'; readonly workerIdentifier: string }
  | {
      readonly type: 'worker.stalled';
      readonly workerIdentifier: string;
      /** How long the main thread has not answered. */
      readonly forMillis: number;
      /** Whether its leases are given up for it. */
      readonly released: boolean;
    }
  | { readonly type: 'heartbeats.inlined'; readonly reason: string }
  | { readonly type: 'worker.left'; readonly workerIdentifier: string }
  | { readonly type: 'leader.elected'; readonly workerIdentifier: string }
  | { readonly type: 'leader.lost'; readonly workerIdentifier: string }
  | {
      readonly type: 'leader.resigned';
      readonly workerIdentifier: string;
      /** Passes over the leases that failed in a row, and for how long. */
      readonly failedPasses: number;
      readonly forMillis: number;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly type: 'lease.handoff';
      readonly leaseKey: string;
      readonly from: string;
      readonly to: string;
    }
  | { readonly type: 'lease.hole'; readonly from: string; readonly to: string; readonly confirmed: boolean }
  | { readonly type: 'lease.deleted'; readonly leaseKey: string }
  | { readonly type: 'table.created'; readonly tableName: string }
  | {
      readonly type: 'lease.created';
      readonly leaseKey: string;
      readonly checkpoint: string;
      /** The shards that it came from; absent where there are none. */
      readonly parents?: readonly string[];
    }
  | {
      readonly type: 'lease.assigned';
      readonly leaseKey: string;
      readonly workerIdentifier: string;
      readonly reason: AssignReason;
    }
  | {
      readonly type: 'lease.gained';
      readonly leaseKey: string;
      readonly tenure: number;
      readonly checkpoint: string;
      /** The shards that it came from; absent where there are none. */
      readonly parents?: readonly string[];
    }
  | {
      readonly type: 'lease.lost';
      readonly leaseKey: string;
      readonly tenure: number;
      readonly reason: LeaseLossReason;
    }
  | { readonly type: 'lease.released'; readonly leaseKey: string; readonly tenure: number; readonly to?: string }
  | {
      readonly type: 'lease.checkpointed';
      readonly leaseKey: string;
      readonly tenure: number;
      readonly checkpoint: string;
    }
  | { readonly type: 'shard.changed'; readonly shardId: string; readonly from: string; readonly to: string }
  | {
      readonly type: 'shard.read';
      readonly shardId: string;
      readonly records: number;
      readonly bytes: number;
      readonly millisBehindLatest: number;
    }
  | {
      readonly type: 'shard.stalled';
      readonly shardId: string;
      /** How long the work on its records (a handler, an engine, a loop over blocks) has not come back. */
      readonly forMillis: number;
      /** Whether the lease is given up for it. */
      readonly released: boolean;
    }
  | { readonly type: 'shard.throttled'; readonly shardId: string; readonly delayMillis: number }
  | { readonly type: 'shard.iteratorExpired'; readonly shardId: string }
  | { readonly type: 'shard.gone'; readonly shardId: string }
  | {
      readonly type: 'shard.positionTrimmed';
      readonly shardId: string;
      readonly checkpoint: string;
      readonly caughtUpAtMillis: number;
      readonly retentionMillis: number;
    }
  | { readonly type: 'shard.subscribed'; readonly shardId: string; readonly consumerArn: string }
  | {
      readonly type: 'shard.subscriptionEnded';
      readonly shardId: string;
      readonly reason: SubscriptionEnd;
      /** Events that it has brought. */
      readonly events: number;
    }
  | {
      readonly type: 'shard.subscriptionRefused';
      readonly shardId: string;
      readonly delayMillis: number;
      readonly message: string;
    }
  | { readonly type: 'streamConsumer.registered'; readonly consumerName: string; readonly consumerArn: string }
  | { readonly type: 'streamConsumer.deregistered'; readonly consumerArn: string }
  | { readonly type: 'fanOut.fellBack'; readonly shardId: string; readonly message: string }
  | {
      readonly type: 'shard.failed';
      readonly shardId: string;
      readonly code: string;
      readonly message: string;
      /** How long this worker keeps off the shard. */
      readonly coolDownMillis: number;
    }
  | {
      readonly type: 'receiver.restarting';
      readonly code: string;
      readonly message: string;
      /** Which restart without a healthy time in between, from 1. */
      readonly restart: number;
      readonly delayMillis: number;
    }
  | {
      readonly type: 'aggregate.broken';
      readonly shardId: string;
      /** Since the last such event about this shard; the other fields are those of the last record. */
      readonly records: number;
      readonly sequenceNumber: string;
      readonly reason: BrokenAggregate;
    }
  | {
      readonly type: 'aggregate.misplaced';
      readonly shardId: string;
      /** Since the last such event about this shard; the sequence number is that of the last aggregate. */
      readonly records: number;
      readonly sequenceNumber: string;
    }
  | {
      readonly type: 'codec.fellBack';
      readonly codec: 'json' | 'cbor';
      /** What is used instead. */
      readonly to: 'json' | 'sdk';
      readonly reason: string;
      /** How often so far; told at the 1st, 10th, 100th ... time. */
      readonly times: number;
    }
  | {
      readonly type: 'block.sealed';
      readonly shardId: string;
      readonly records: number;
      readonly bytes: number;
      readonly through: string;
    }
  | {
      readonly type: 'engine.started';
      readonly batchIntervalMillis: number;
      /** Who computes and what commits together, with the reason as a sentence. */
      readonly scope: 'shard' | 'application';
      readonly reason: string;
      /** What each output guarantees, with the reason as a sentence. */
      readonly outputs: readonly OutputPromise[];
    }
  | {
      readonly type: 'engine.standby';
      readonly applicationName: string;
      readonly holder: string;
      readonly epoch: number;
    }
  | {
      readonly type: 'engine.active';
      readonly applicationName: string;
      readonly epoch: number;
      readonly batchId: number;
    }
  | {
      readonly type: 'engine.lost';
      readonly applicationName: string;
      readonly epoch: number;
      readonly reason: string;
    }
  | {
      readonly type: 'batch.submitted';
      readonly group: string;
      readonly batchTimeMillis: number;
      readonly records: number;
      readonly blocks: number;
    }
  | {
      readonly type: 'batch.started';
      readonly group: string;
      readonly batchId: number;
      readonly batchTimeMillis: number;
      readonly records: number;
      readonly blocks: number;
      /** For each shard one, at most 1,000. */
      readonly inputs: readonly BatchInput[];
    }
  | {
      readonly type: 'batch.dropped';
      readonly group: string;
      readonly batchTimeMillis: number;
      readonly reason: BatchDropReason;
      readonly message: string;
    }
  | ({ readonly type: 'output.started' } & OutputTry)
  | ({
      readonly type: 'output.completed';
      readonly durationMillis: number;
      /** Why it failed; absent when it did not. */
      readonly failureReason?: string;
    } & OutputTry)
  | {
      readonly type: 'alert.raised';
      readonly alert: string;
      readonly subject: string;
      readonly message: string;
      readonly value: number;
      readonly threshold: number;
    }
  | { readonly type: 'alert.cleared'; readonly alert: string; readonly subject: string }
  | ({ readonly type: 'batch.completed'; readonly group: string; readonly batchId: number } & BatchFigures)
  | {
      readonly type: 'input.failed';
      /** The input of the program's own, `receiverStream#3`. */
      readonly input: string;
      readonly message: string;
      /** After which it is started again. */
      readonly delayMillis: number;
    }
  | { readonly type: 'batch.step'; readonly group: string; readonly batchId: number; readonly step: BatchStep }
  | {
      readonly type: 'plan.found';
      readonly group: string;
      readonly batchId: number;
      readonly batchTimeMillis: number;
      /** Of how many shards and blocks the batch is made. */
      readonly shards: number;
      readonly ranges: number;
    }
  | {
      readonly type: 'blocks.dropped';
      readonly group: string;
      readonly shardId: string;
      readonly blocks: number;
      readonly records: number;
      /** What they held of the byte budget. */
      readonly bytes: number;
    }
  | {
      readonly type: 'batch.reread';
      readonly group: string;
      readonly batchTimeMillis: number;
      readonly blocks: number;
      readonly records: number;
    }
  | {
      readonly type: 'ids.forgotten';
      readonly group: string;
      readonly batchId: number;
      /** The id of the `dedupeBy`. */
      readonly operator: string;
      readonly ids: number;
      readonly maximumIds: number;
    }
  | {
      readonly type: 'range.refused';
      readonly shardId: string;
      readonly records: number;
      readonly reason: 'seen' | 'stale' | 'hole';
      readonly after: string;
      readonly through: string;
    }
  | { readonly type: 'state.discarded'; readonly group: string; readonly code: string; readonly message: string }
  | {
      readonly type: 'state.converted';
      readonly group: string;
      /** The id of the operator, and that under which its state was stored. */
      readonly operator: string;
      readonly storedAs: string;
      /** The versions of its values' shape, before and now. */
      readonly storedVersion: number;
      readonly version: number;
      /** Keys that the program's function was called for, and those that it dropped. */
      readonly keys: number;
      readonly dropped: number;
    }
  | { readonly type: 'state.unclaimed'; readonly group: string; readonly operators: readonly string[] }
  | {
      readonly type: 'state.collected';
      /** The group that has committed, and since when nobody needs what was removed. */
      readonly group: string;
      /** The shard that ended before it, and whose state it was. */
      readonly shardId: string;
      /** Objects of it that were removed now, and those that follow with the next commits. */
      readonly removed: number;
      readonly left: number;
    }
  | {
      readonly type: 'batch.slow';
      readonly group: string;
      /** The 95th percentile of the processing of the last batches, and how many these are. */
      readonly processingMillis: number;
      readonly batches: number;
      readonly batchIntervalMillis: number;
    }
  | { readonly type: 'batch.failed'; readonly group: string; readonly batchId: number; readonly message: string }
  | {
      readonly type: 'batch.stuck';
      readonly shardId: string;
      readonly attempts: number;
      /** Age of the oldest of the records, by the service's clock. */
      readonly ageMillis: number;
      /** How long the stream keeps records, and how long it will still keep the oldest of these: 0, it is gone. */
      readonly retentionMillis?: number;
      readonly leftMillis?: number;
      readonly message: string;
    }
  | {
      readonly type: 'records.skipped';
      readonly shardId: string;
      readonly records: number;
      readonly to: 'nowhere' | 'deadLetter';
      readonly message: string;
    }
  | { readonly type: 'metrics.failed'; readonly message: string }
  | {
      readonly type: 'cloudWatch.failed';
      readonly message: string;
      readonly droppedDatums: number;
      readonly failures: number;
    }
  | { readonly type: 'clock.skewed'; readonly skewMillis: number }
  | {
      readonly type: 'fault.seen';
      readonly code: string;
      readonly message: string;
      readonly subject: ErrorSubject;
    };

/** The names of all events. */
export type EventType = MillraceEvent['type'];

/** The event of one name. */
export type EventOf<T extends EventType> = Extract<MillraceEvent, { type: T }>;
