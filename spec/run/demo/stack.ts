import { type LocalService, startDynalite, startKinesisLocal } from '../../support/local-stack.ts';

/** The emulators of the demo. */
export interface Stack {
  readonly kinesis: LocalService;
  readonly dynamo: LocalService;
  /** Each with name, pid and address, for people. */
  readonly texts: readonly string[];
  stop(): Promise<void>;
}

/**
 * Starts both emulators at the same time. When one fails, or the signal aborts, neither is left.
 * @throws Error what kept an emulator from starting; the signal's reason
 */
export async function startStack(signal: AbortSignal): Promise<Stack> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const orFail = (start: Promise<LocalService>) =>
    start.catch((thrown: unknown) => {
      failed.abort(thrown);
      throw thrown;
    });
  const started = await Promise.allSettled([
    orFail(startKinesisLocal({ signal: either })),
    orFail(startDynalite({ signal: either })),
  ]);
  const services = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const stop = async () => {
    await Promise.all(services.map((service) => service.stop()));
  };
  const [kinesis, dynamo] = services;
  if (kinesis === undefined || dynamo === undefined || signal.aborted) {
    await stop();
    throw either.reason;
  }
  return { kinesis, dynamo, texts: [textOf('kinesis-local', kinesis), textOf('dynalite', dynamo)], stop };
}

function textOf(name: string, service: LocalService): string {
  return `${name} pid ${service.pid} ${service.endpoint.replace('http://', '')}`;
}
