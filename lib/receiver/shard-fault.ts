import type { ErrorCode, MillraceError } from '../base/error.ts';

/** They speak of the stream, the table, permissions or the worker itself: every shard would meet them. */
const codesOfAll: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MR_CREDENTIALS_MISSING',
  'MR_ACCESS_DENIED',
  'MR_STREAM_NOT_FOUND',
  'MR_STREAM_NOT_ACTIVE',
  'MR_STREAM_CHANGED',
  'MR_TABLE_FOREIGN',
  'MR_TABLE_KIND',
  'MR_ENGINE_NOT_ALONE',
  'MR_WORKER_DUPLICATE',
]);

/** What is known about a shard's fault. */
export interface ShardFaultView {
  readonly fault: MillraceError;
  /** Whether the run ends by itself, at a bound: without this shard it could not. */
  readonly isBounded: boolean;
  /** Whether no other shard of this worker brought a page since this one brought its last. */
  readonly isAlone: boolean;
}

/**
 * Whether the fault of a shard is one of the whole receiver. It is when every shard would meet it, when a bounded run could
 * not end without the shard, and when a fault that may pass (`restart`, `retry`) has silenced all shards alike: then it is
 * the way to Kinesis, and giving one lease away would help nobody. Any other fault is the shard's alone, and ends nothing
 * else (design section 4).
 */
export function isFaultOfReceiver({ fault, isBounded, isAlone }: ShardFaultView): boolean {
  return isBounded || codesOfAll.has(fault.code) || (fault.reaction !== 'fatal' && isAlone);
}

/** Whether a code speaks of more than one shard; its fault is not worth finishing the blocks of the shard for. */
export function isFaultOfAll({ code }: MillraceError): boolean {
  return codesOfAll.has(code);
}
