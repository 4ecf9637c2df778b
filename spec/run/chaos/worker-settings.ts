import type { ConsumerOptions } from '../../../lib/index.ts';

/** How often a fed engine gets a batch. */
export const batchIntervalMillis = 500;

/** What a worker of the chaos harness is told: its first argument, as JSON. */
export interface ChaosWorkerSettings {
  /** The options that can be told as JSON; `workerIdentifier` among them. */
  readonly options: ConsumerOptions;
  /** How it consumes: a function for each block, a loop over blocks, or a batch engine that is fed. */
  readonly way: 'handler' | 'blocks' | 'engine';
  /** Where it writes what it handled; see `LedgerWriter`. */
  readonly ledgerPath: string;
  /** How long the handler works on a block before it writes it down. */
  readonly handlerMillis: number;
  /** How failing records are handled; without it they come again without end. */
  readonly onFailure?: {
    readonly maximumRetryAttempts: number;
    readonly bisectBatchOnFunctionError: boolean;
    /** A dead-letter file. */
    readonly deadLetterPath: string;
  };
  /** Records whose text contains this make the handler fail. */
  readonly poison?: string;
}

/** What a running worker is told, in one line of JSON on its standard input. */
export type WorkerCommand =
  /** Its main thread computes for so long, and does nothing else. */
  | { readonly type: 'block'; readonly forMillis: number }
  /** From now on the handler also writes each block to this file, and fails when it cannot; none: no more. */
  | { readonly type: 'output'; readonly path?: string }
  /** The next call of the handler, for this shard if one is named, does not return before its signal aborts. */
  | { readonly type: 'stall'; readonly shardId?: string };
