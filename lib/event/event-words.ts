/** Why a worker no longer holds a lease. */
export type LeaseLossReason = 'taken' | 'expired' | 'deleted' | 'duplicate' | 'released' | 'stalled';

/** What an output of an engine shows of every record that reaches it; `none`: records can be missing, too. */
export interface OutputPromise {
  /** The method and line that made it, with its target where it has one. */
  readonly output: string;
  readonly guarantee: 'exactlyOnce' | 'atLeastOnce' | 'none';
  readonly reason: string;
}

/**
 * A step of the commit order, told when it is done: the plan is written (only where a sink needs repeatable batches), the operators have taken their step, the state is written, the outputs are done, the commit is written, the ranges are acknowledged.
 */
export type BatchStep = 'planned' | 'processed' | 'stateWritten' | 'outputsDone' | 'committed' | 'acknowledged';

/** Why a lease is given to a worker. */
export type AssignReason = 'unowned' | 'expired' | 'balance' | 'epoch';

/**
 * Why a record with the magic of an aggregate was passed on as it is: too short for a frame, of another digest, no
 * protobuf message of the format, with a key that is not there or is none, or with more user records than the limit.
 */
export type BrokenAggregate = 'short' | 'digest' | 'protobuf' | 'key' | 'limit';

/**
 * Why a subscription to a shard has ended: its 5 minutes are over, nothing came for too long, another subscription took it
 * over, or it failed.
 */
export type SubscriptionEnd = 'expired' | 'silent' | 'taken' | 'failed';

/** The most shards that `batch.started` tells the ranges of. */
export const maximumBatchInputs = 1_000;

/** The part of one shard in a batch, (after, through], read in one tenure. */
export interface BatchInput {
  readonly streamName: string;
  readonly shardId: string;
  readonly tenure: number;
  readonly after: string;
  readonly through: string;
  readonly records: number;
}

/**
 * Why a batch came to nothing here: its leases are gone (their next owner reads the same records), its tries are used
 * up, or the run ended.
 */
export type BatchDropReason = 'lost' | 'failed' | 'aborted';

/** A try of one output of a batch. */
export interface OutputTry {
  readonly group: string;
  readonly batchId: number;
  readonly batchTimeMillis: number;
  /** Its number in declaration order, from 0. */
  readonly outputId: number;
  /** `foreachBatch at counts.ts:12`. */
  readonly name: string;
  readonly attempt: number;
}

/** The figures of one batch, with the delays as Spark Streaming defines them. */
export interface BatchFigures {
  /** The tick that the batch belongs to, milliseconds since 1970. */
  readonly batchTimeMillis: number;
  readonly records: number;
  readonly blocks: number;
  /** From the batch time to the start of its processing. */
  readonly schedulingDelayMillis: number;
  /** From the start of its processing to its end. */
  readonly processingDelayMillis: number;
}
