import { MillraceError } from '../base/error.ts';
import type { CommandIo } from './command-io.ts';
import { exitCodeOfSignal } from './exit-code.ts';

/** How work ended: with its value, or because a second signal ended it at once. */
export type SignalledEnd<T> =
  | { readonly tag: 'done'; readonly value: T }
  | { readonly tag: 'aborted'; readonly exitCode: number };

/**
 * Runs work that the first SIGINT or SIGTERM ends early, by the signal that it is given, and the second at once: then it
 * is not waited for.
 */
export async function untilSignal<T>(
  io: CommandIo,
  work: (early: AbortSignal) => Promise<T>,
): Promise<SignalledEnd<T>> {
  const early = new AbortController();
  let endNow = (_end: SignalledEnd<T>): void => {};
  const ended = new Promise<SignalledEnd<T>>((resolve) => {
    endNow = resolve;
  });
  const unsubscribe = io.onSignal((signalNumber) => {
    if (early.signal.aborted) endNow({ tag: 'aborted', exitCode: exitCodeOfSignal(signalNumber) });
    else early.abort(new MillraceError('MR_ABORTED', `signal ${signalNumber} asked for the end`));
  });
  try {
    const running = work(early.signal).then((value): SignalledEnd<T> => ({ tag: 'done', value }));
    // Of work that is not waited for nobody hears how it ends.
    running.catch(() => {});
    return await Promise.race([running, ended]);
  } finally {
    unsubscribe();
  }
}
