import type { Clock } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import { type Deferred, deferred } from '../../base/service.ts';
import { isThenable } from '../../base/thenable.ts';
import type { LambdaContext, LambdaHandler, LambdaKinesisEvent } from './lambda-types.ts';

/** What an invocation is made with. */
export interface Invocation {
  readonly handler: LambdaHandler;
  readonly event: LambdaKinesisEvent;
  readonly timeoutMillis: number;
  readonly clock: Clock;
  /** The fields of the context that are data. */
  readonly facts: Omit<LambdaContext, 'getRemainingTimeInMillis' | 'done' | 'fail' | 'succeed'>;
}

/** A handler with as many parameters takes the callback. */
const parametersWithCallback = 3;

/**
 * Invokes a handler once, as Lambda's runtime does: a promise that it returns decides, else the first call of the
 * callback or of `context.done`, `fail` or `succeed`.
 * @throws what the handler threw, rejected or called back with; MillraceError `MR_LAMBDA_TIMEOUT` when it did nothing of
 * it in time
 */
export async function invoke({ handler, event, timeoutMillis, clock, facts }: Invocation): Promise<unknown> {
  const outcome = deferred<unknown>();
  const deadline = clock.monotonicMillis() + timeoutMillis;
  let hasCalledBack = false;
  const callback = (error?: Error | string | null, result?: unknown) => {
    hasCalledBack = true;
    if (error === undefined || error === null) outcome.resolve(result);
    else outcome.reject(typeof error === 'string' ? new Error(error) : error);
  };
  const context: LambdaContext = {
    ...facts,
    getRemainingTimeInMillis: () => Math.max(0, Math.round(deadline - clock.monotonicMillis())),
    done: callback,
    fail: (error) => callback(error ?? new Error('context.fail was called')),
    succeed: (result) => callback(null, result),
  };
  const cancel = clock.timer(timeoutMillis, () => outcome.reject(timedOut(facts.functionName, timeoutMillis)));
  try {
    const returned = handler(event, context, callback);
    if (isThenable(returned)) void settleWith(outcome, returned);
    else if (handler.length < parametersWithCallback && !hasCalledBack) outcome.resolve(returned);
    return await outcome.promise;
  } finally {
    cancel();
  }
}

async function settleWith(outcome: Deferred<unknown>, promise: PromiseLike<unknown>): Promise<void> {
  try {
    outcome.resolve(await promise);
  } catch (thrown) {
    outcome.reject(thrown);
  }
}

function timedOut(functionName: string, timeoutMillis: number): MillraceError {
  return new MillraceError(
    'MR_LAMBDA_TIMEOUT',
    `${functionName} had not settled after ${timeoutMillis / 1_000} s; what it still does cannot be stopped. ` +
      'Have it settle, call back, or raise functionTimeoutSeconds',
  );
}
