import type { LinkedController } from '../base/abort.ts';

/** What a run reads with. */
interface Reading {
  run(signal: AbortSignal): Promise<void>;
  stop(reason?: unknown): Promise<void>;
}

/**
 * Runs a receiver beside the work on its blocks, and waits for both: work that gives up stops the receiver, and a receiver
 * that ends with a fault ends the work through `life`. `onEnded` is called when the receiver has ended well.
 * @throws what the work rejected with, else what the receiver did
 */
export async function runTogether(
  receiver: Reading,
  life: LinkedController,
  work: Promise<void>,
  onEnded: () => void = () => {},
): Promise<void> {
  const working = work.catch(async (thrown: unknown) => {
    await receiver.stop(thrown).catch(() => {});
    throw thrown;
  });
  const reading = receiver.run(life.signal).then(onEnded, (thrown: unknown) => {
    life.abort(thrown);
    throw thrown;
  });
  for (const outcome of await Promise.allSettled([working, reading])) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
