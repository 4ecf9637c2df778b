import { constants } from 'node:os';

/** The demo, or another command like it, is ended from outside, before its verdict. */
export class EarlyEnd extends Error {
  override readonly name = 'EarlyEnd';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** How often it is looked whether npm's shell still lives. */
const starterLookMillis = 250;

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens for the signals that end the command, and for a reader of standard output that goes away. The signal aborts
 * with an {@link EarlyEnd} that says what `left` does; the end takes no time, so a second signal has nothing to hurry.
 *
 * A signal that is sent to npm alone goes from there to npm's shell, which dies of it and passes nothing on; so under
 * npm the end of the process that started the command, npm's script of this name, counts as SIGTERM.
 */
export function listenForEnd(
  script = 'demo',
  left = 'the workers and the emulators are gone',
): { readonly signal: AbortSignal; unlisten(): void } {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    const name = signal === 'SIGINT' ? 'Ctrl-C (SIGINT)' : signal;
    controller.abort(new EarlyEnd(`ended by ${name}; ${left}`, 128 + constants.signals[signal]));
  };
  const onBrokenOutput = (error: Error) => {
    controller.abort(new EarlyEnd(`standard output cannot be written: ${error.message}`, 1));
  };
  const starter = process.ppid;
  const look = () => {
    if (process.ppid !== starter) onSignal('SIGTERM');
  };
  const looking =
    process.env['npm_lifecycle_event'] === script ? setInterval(look, starterLookMillis).unref() : undefined;
  for (const signal of endingSignals) process.on(signal, onSignal);
  process.stdout.on('error', onBrokenOutput);
  return {
    signal: controller.signal,
    unlisten() {
      clearInterval(looking);
      for (const signal of endingSignals) process.off(signal, onSignal);
    },
  };
}
