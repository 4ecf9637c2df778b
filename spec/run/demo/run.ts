import { createClients } from '../../../lib/app/clients.ts';
import { linkedController, raceAbort } from '../../../lib/base/abort.ts';
import { type Clock, pause } from '../../../lib/base/clock.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import { createProducer } from '../../../lib/kinesis/producer.ts';
import { createTestStream, testCredentials, testRegion } from '../../support/local-stack.ts';
import type { DemoState } from './demo-state.ts';
import { produce } from './produce.ts';
import { type Stack, startStack } from './stack.ts';
import { WordLines } from './word-lines.ts';
import { type WorkerEnd, WorkerProcess } from './worker-process.ts';

const streamName = 'lines';
const applicationName = 'word-count';

/** How long the workers may take to count the rest after the last record was put. */
const countingLimitMillis = 30_000;
/** How often it is looked whether all is counted. */
const lookIntervalMillis = 50;
/** How long the workers may take to drain; more than the grace that they give themselves. */
const drainLimitMillis = 40_000;
/**
 * How long the producer waits for an answer. A call that is given up is put again, and is then in the stream twice when
 * the emulator was only slow.
 */
const putTimeoutMillis = 60_000;

/** What {@link runDemo} needs. */
export interface RunOptions {
  readonly state: DemoState;
  readonly clock: Clock;
  /** Told when all is started and the first record is about to be put. */
  readonly onStarted: () => void;
}

/**
 * Runs the demo from the start of the emulators to the end of the last process. When it returns or throws, no process
 * of it is left. What the workers counted is in the state.
 * @throws what went wrong beside the counting; the signal's reason when it aborts
 */
export async function runDemo(options: RunOptions, signal: AbortSignal): Promise<void> {
  using life = linkedController(signal);
  const workers: WorkerProcess[] = [];
  let starting: Promise<Stack> | undefined;
  try {
    // The workers load their programs while the emulators start.
    for (let number = 1; number <= options.state.options.workers; number += 1) {
      workers.push(startWorker(number, options, (fault) => life.abort(fault)));
    }
    starting = startStack(life.signal);
    await countWords(options, workers, await starting, life.signal);
  } finally {
    // Whatever is still on its way sees that it is over; after a good run nothing is.
    life.abort(signal.aborted ? signal.reason : new Error('the demo is over'));
    await Promise.all(workers.map((worker) => worker.kill()));
    options.state.workerOutputs = workers.flatMap(({ number, lastOutput }) =>
      lastOutput === '' ? [] : [`the last output of worker ${number}:\n${lastOutput}`],
    );
    const stack = await starting?.catch(() => undefined);
    await stack?.stop();
  }
}

function startWorker(number: number, { state, clock }: RunOptions, onFault: (fault: Error) => void): WorkerProcess {
  const worker = new WorkerProcess(number, {
    onReport: (report) => state.hear(number, report, clock.monotonicMillis()),
    onNoise: onFault,
  });
  state.addWorker(number, worker.pid);
  // A rejection is told by `ended`, too.
  worker.ready.catch(() => {});
  void worker.ended.then((end) => {
    if (state.phase !== 'stopping') onFault(endedEarly(worker, end));
  });
  return worker;
}

async function countWords(
  { state, clock, onStarted }: RunOptions,
  workers: readonly WorkerProcess[],
  stack: Stack,
  signal: AbortSignal,
): Promise<void> {
  const { shards } = state.options;
  state.services = stack.texts;
  const { endpoint: kinesisEndpoint } = stack.kinesis;
  const { endpoint: dynamoDBEndpoint } = stack.dynamo;
  await raceAbort(createTestStream(kinesisEndpoint, streamName, shards), signal);
  await raceAbort(Promise.all(workers.map((worker) => worker.ready)), signal);
  for (const worker of workers) {
    const workerIdentifier = `worker-${worker.number}`;
    worker.start({ workerIdentifier, applicationName, streamName, kinesisEndpoint, dynamoDBEndpoint });
  }
  onStarted();

  state.enter('producing', clock.monotonicMillis());
  await putLines(state, clock, kinesisEndpoint, signal);
  state.enter('counting the rest', clock.monotonicMillis());
  const giveUpAt = clock.monotonicMillis() + countingLimitMillis;
  while (!state.ledger.isComplete && clock.monotonicMillis() < giveUpAt) {
    if (!(await pause(clock, lookIntervalMillis, signal))) break;
  }
  signal.throwIfAborted();

  state.enter('stopping', clock.monotonicMillis());
  await drain(workers, clock, signal);
}

async function putLines(state: DemoState, clock: Clock, endpoint: string, signal: AbortSignal): Promise<void> {
  const { seconds, rate, seed } = state.options;
  const clients = createClients({
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: endpoint,
    requestTimeoutMillis: putTimeoutMillis,
  });
  try {
    const api = createAwsKinesis({ client: clients.kinesis, stream: { streamName }, clock, events: new EventBus() });
    const producer = createProducer({ api, clock, random: seededRandom(seed) });
    await produce(
      {
        producer,
        lines: new WordLines(seed),
        clock,
        seconds,
        rate,
        onAcknowledged: (receipt, { words }) => state.acknowledge(receipt, words, clock.monotonicMillis()),
      },
      signal,
    );
  } finally {
    clients.destroy();
  }
}

/** Asks the workers to finish and waits until they have ended, each with 0. */
async function drain(workers: readonly WorkerProcess[], clock: Clock, signal: AbortSignal): Promise<void> {
  for (const worker of workers) worker.terminate();
  const ended = new AbortController();
  const all = Promise.all(workers.map(async (worker) => ({ worker, end: await worker.ended })));
  void all.then(() => ended.abort());
  const isTooLong = await pause(clock, drainLimitMillis, AbortSignal.any([ended.signal, signal]));
  signal.throwIfAborted();
  if (isTooLong) {
    throw new Error(`the workers have not ended ${drainLimitMillis / 1_000} s after SIGTERM`);
  }
  const bad = (await all).find(({ end }) => !end.isClean);
  if (bad !== undefined) throw notDrained(bad.worker, bad.end);
}

function endedEarly(worker: WorkerProcess, end: WorkerEnd): Error {
  return new Error(`worker ${worker.number} (pid ${worker.pid}) ended unexpectedly with ${end.how}${silence(worker)}`);
}

function notDrained(worker: WorkerProcess, end: WorkerEnd): Error {
  return new Error(`worker ${worker.number} (pid ${worker.pid}) ended with ${end.how} after SIGTERM${silence(worker)}`);
}

/** Its last output follows, if there is any. */
function silence(worker: WorkerProcess): string {
  return worker.lastOutput === '' ? ' and said nothing' : '';
}
