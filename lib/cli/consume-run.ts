import { recordLine } from '../app/record-line.ts';
import { raceAbort } from '../base/abort.ts';
import { pause } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { jsonLine } from '../base/json-line.ts';
import type { CommandIo } from './command-io.ts';
import { exitCodeOfSignal, exitCodes } from './exit-code.ts';
import { LineOutput, outputFailed } from './line-output.ts';

/** A record as a line needs it. */
export type ConsumedRecord = Parameters<typeof recordLine>[0];

/** What prints the records of a block. */
export type PrintingHandler = (batch: { readonly records: readonly ConsumedRecord[] }) => Promise<void>;

/** What `millrace consume` needs of a consumer that hands its records to an `H`. */
export interface ConsumableConsumer<H = PrintingHandler> {
  run(handler: H, options: { readonly signal: AbortSignal }): Promise<void>;
  drain(): Promise<unknown>;
}

/** How long an aborted run may take to give its leases back before the command ends without it. */
const abortGraceMillis = 15_000;
/** The same after a second signal: somebody is waiting. */
const signalGraceMillis = 2_000;

/** What ended the run before its own end. */
type EarlyEnd = { readonly tag: 'closedPipe' } | { readonly tag: 'signal'; readonly signalNumber: number };

/**
 * Runs a consumer and answers with the exit code. `handlerOf` makes what the records are handed to; `signal` aborts when
 * the run is ended at once. The first SIGINT or SIGTERM drains, the second aborts; a reader of the output that goes
 * away ends the run, and what it has not taken is not checkpointed. `beforeWrite` is called before lines go out.
 * @throws whatever ended the run otherwise
 */
export async function runConsume<H>(
  consumer: ConsumableConsumer<H>,
  io: CommandIo,
  handlerOf: (output: LineOutput, signal: AbortSignal) => H,
  beforeWrite?: () => void,
): Promise<number> {
  const output = new LineOutput(io.stdout, beforeWrite);
  const abort = new AbortController();
  let early: EarlyEnd | undefined;
  void output.ended.then((end) => {
    if (end.tag === 'closed') early ??= { tag: 'closedPipe' };
    abort.abort(outputEnded(end.tag === 'closed' ? undefined : end.error));
  });

  let signals = 0;
  const unsubscribe = io.onSignal((signalNumber) => {
    signals += 1;
    if (signals === 1) {
      // The outcome of the drain is the outcome of the run.
      consumer.drain().catch(() => {});
      return;
    }
    early ??= { tag: 'signal', signalNumber };
    abort.abort(
      new MillraceError('MR_ABORTED', `signal ${signalNumber} came a second time: the run was ended at once`),
    );
  });

  try {
    const running = consumer.run(handlerOf(output, abort.signal), { signal: abort.signal });
    await settledOrAborted(running, abort.signal, (settled) =>
      pause(io.clock, early?.tag === 'signal' ? signalGraceMillis : abortGraceMillis, settled),
    );
    return exitCodes.done;
  } catch (thrown) {
    if (early?.tag === 'closedPipe') return exitCodes.done;
    if (early?.tag === 'signal') return exitCodeOfSignal(early.signalNumber);
    throw abort.signal.aborted ? (abort.signal.reason as Error) : thrown;
  } finally {
    unsubscribe();
  }
}

/** Prints every record as one JSON line. A block counts as finished only after its lines have left the process. */
export function printing(output: LineOutput, signal: AbortSignal): PrintingHandler {
  return async ({ records }) => {
    signal.throwIfAborted();
    await output.write(records.map((record) => `${jsonLine(recordLine(record))}\n`).join(''));
  };
}

function outputEnded(cause: Error | undefined): MillraceError {
  if (cause === undefined) return new MillraceError('MR_ABORTED', 'the reader of the output has closed it');
  return outputFailed(cause);
}

/** Waits for the run; once it is aborted, only for as long as `grace` lets it, which ends early when told. */
async function settledOrAborted(
  running: Promise<void>,
  signal: AbortSignal,
  grace: (settled: AbortSignal) => Promise<unknown>,
): Promise<void> {
  try {
    await raceAbort(running, signal);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    const settled = new AbortController();
    const settle = () => settled.abort();
    running.then(settle, settle);
    await grace(settled.signal);
    throw thrown;
  }
}
