import { constants } from 'node:os';

/** The demo is ended from outside, before its verdict. */
export class EarlyEnd extends Error {
  override readonly name = 'EarlyEnd';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens for the signals that end the demo, and for a reader of standard output that goes away. The signal aborts
 * with an {@link EarlyEnd}; the end takes no time, so a second signal has nothing to hurry.
 */
export function listenForEnd(): { readonly signal: AbortSignal; unlisten(): void } {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    const name = signal === 'SIGINT' ? 'Ctrl-C (SIGINT)' : signal;
    controller.abort(
      new EarlyEnd(`ended by ${name}; the workers and the emulators are gone`, 128 + constants.signals[signal]),
    );
  };
  const onBrokenOutput = (error: Error) => {
    controller.abort(new EarlyEnd(`standard output cannot be written: ${error.message}`, 1));
  };
  for (const signal of endingSignals) process.on(signal, onSignal);
  process.stdout.on('error', onBrokenOutput);
  return {
    signal: controller.signal,
    unlisten() {
      for (const signal of endingSignals) process.off(signal, onSignal);
    },
  };
}
