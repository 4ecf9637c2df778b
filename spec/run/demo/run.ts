import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClients } from '../../../lib/app/clients.ts';
import { linkedController, raceAbort } from '../../../lib/base/abort.ts';
import { type Clock, pause, sleep } from '../../../lib/base/clock.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import { createProducer } from '../../../lib/kinesis/producer.ts';
import { createTestStream, testCredentials, testRegion } from '../../support/local-stack.ts';
import type { DemoState } from './demo-state.ts';
import { produce } from './produce.ts';
import { type Stack, startStack } from './stack.ts';
import { type Strikes, splitFirstShard, strikeAll } from './strikes.ts';
import { WordLines } from './word-lines.ts';
import { type WorkerEnd, WorkerProcess } from './worker-process.ts';

const streamName = 'lines';
const applicationName = 'word-count';

/** How long it may take until the first record is put. */
const startLimitMillis = 120_000;
/** How long the workers may take to count the rest after the last record was put. */
const countingLimitMillis = 30_000;
/** With `--chaos` a killed worker's shards are taken over soon, and shared out by number: a demo should not last too long. */
const chaosOptions = { failoverTimeMillis: 4_000, leaseAssignmentStrategy: 'LEASE_COUNT_BASED' } as const;
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
  /** Told where the page of a worker is, with `--ui`. */
  readonly onPage: (worker: number, url: string) => void;
  /** Told of what is done to the workers and the stream on the way. */
  readonly onIncident: (what: string) => void;
}

/**
 * Runs the demo from the start of the emulators to the end of the last process. When it returns or throws, no process
 * of it is left. What the workers counted is in the state.
 * @throws what went wrong beside the counting; the signal's reason when it aborts
 */
export async function runDemo(options: RunOptions, signal: AbortSignal): Promise<void> {
  using life = linkedController(signal);
  const workers: WorkerProcess[] = [];
  const killed = new Set<WorkerProcess>();
  const start = () => {
    const worker = startWorker(workers.length + 1, options, (fault) => {
      if (!killed.has(worker)) life.abort(fault);
    });
    workers.push(worker);
    return worker;
  };
  let starting: Promise<Stack> | undefined;
  const stateFolder = options.state.options.chaos ? mkdtempSync(join(tmpdir(), 'millrace-demo-')) : undefined;
  const cancelLimit = options.clock.timer(startLimitMillis, () => {
    if (options.state.phase === 'starting')
      life.abort(new Error(`nothing was put within ${startLimitMillis / 1_000} s`));
  });
  try {
    // The workers load their programs while the emulators start.
    for (let number = 1; number <= options.state.options.workers; number += 1) start();
    starting = startStack(life.signal);
    await countWords(options, { workers, killed, stateFolder, start }, await starting, life.signal);
  } finally {
    cancelLimit();
    // Whatever is still on its way sees that it is over; after a good run nothing is.
    life.abort(signal.aborted ? signal.reason : new Error('the demo is over'));
    await Promise.all(workers.map((worker) => worker.kill()));
    options.state.workerOutputs = workers.flatMap(({ number, lastOutput }) =>
      lastOutput === '' ? [] : [`the last output of worker ${number}:\n${lastOutput}`],
    );
    const stack = await starting?.catch(() => undefined);
    await stack?.stop();
    if (stateFolder !== undefined) rmSync(stateFolder, { recursive: true, force: true });
  }
}

function startWorker(
  number: number,
  { state, clock, onPage }: RunOptions,
  onFault: (fault: Error) => void,
): WorkerProcess {
  const worker = new WorkerProcess(number, {
    onReport: (report) => {
      if (report.type === 'page') onPage(number, report.url);
      state.hear(number, report, clock.monotonicMillis());
    },
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

/** The workers of a run. */
interface Crew {
  /** All that were started. */
  readonly workers: readonly WorkerProcess[];
  /** Those that were killed on purpose. */
  readonly killed: Set<WorkerProcess>;
  /** Where the workers commit; absent where nothing is done to them. */
  readonly stateFolder: string | undefined;
  /** Starts one more, which is told nothing yet. */
  readonly start: () => WorkerProcess;
}

async function countWords(run: RunOptions, crew: Crew, stack: Stack, signal: AbortSignal): Promise<void> {
  const { state, clock, onStarted } = run;
  const { workers, killed, stateFolder } = crew;
  const { shards, chaos, ui } = state.options;
  state.services = stack.texts;
  const { endpoint: kinesisEndpoint } = stack.kinesis;
  const { endpoint: dynamoDBEndpoint } = stack.dynamo;
  await raceAbort(createTestStream(kinesisEndpoint, streamName, shards), signal);
  await raceAbort(Promise.all(workers.map((worker) => worker.ready)), signal);
  const setToWork = (worker: WorkerProcess) => {
    const workerIdentifier = `worker-${worker.number}`;
    const options = { ui, ...(stateFolder === undefined ? {} : { options: chaosOptions, stateFolder }) };
    worker.start({ workerIdentifier, applicationName, streamName, kinesisEndpoint, dynamoDBEndpoint, ...options });
  };
  for (const worker of workers) setToWork(worker);
  onStarted();

  state.enter('producing', clock.monotonicMillis());
  const striking = chaos ? strike(run, crew, { setToWork, kinesisEndpoint }, signal) : Promise.resolve();
  await Promise.all([putLines(state, clock, kinesisEndpoint, signal), striking]);
  state.enter('counting the rest', clock.monotonicMillis());
  const giveUpAt = clock.monotonicMillis() + countingLimitMillis;
  while (!state.ledger.isComplete && clock.monotonicMillis() < giveUpAt) {
    if (!(await pause(clock, lookIntervalMillis, signal))) break;
  }
  signal.throwIfAborted();

  state.enter('stopping', clock.monotonicMillis());
  const alive = workers.filter((worker) => !killed.has(worker));
  await drain(alive, clock, signal);
}

/** What `--chaos` does on the way. The worker that was started last is killed, one more joins, the first shard is split. */
async function strike(
  { state, clock, onIncident }: RunOptions,
  { workers, killed, start }: Crew,
  { setToWork, kinesisEndpoint }: { setToWork: (worker: WorkerProcess) => void; kinesisEndpoint: string },
  signal: AbortSignal,
): Promise<void> {
  const strikes: Strikes = {
    async killWorker() {
      const worker = workers.at(-1);
      if (worker === undefined) return 'nobody was there to be killed';
      // The death of a worker that reads nothing would be nothing to see.
      const reads = () => {
        const figures = state.workersAt(clock.monotonicMillis()).find(({ number }) => number === worker.number);
        return figures !== undefined && figures.shards.length > 0 && figures.records > 0;
      };
      while (!reads()) await sleep(clock, lookIntervalMillis, signal);
      killed.add(worker);
      await worker.kill();
      state.killWorker(worker.number);
      return `worker ${worker.number} was killed`;
    },
    async addWorker() {
      const worker = start();
      await raceAbort(worker.ready, signal);
      setToWork(worker);
      return `worker ${worker.number} (pid ${worker.pid}) joined`;
    },
    async splitShard() {
      return `${await splitFirstShard(kinesisEndpoint, streamName)} was split`;
    },
  };
  const onStruck = (what: string) => onIncident(state.noteIncident(what, clock.monotonicMillis()));
  await strikeAll(strikes, { clock, seconds: state.options.seconds, onStruck }, signal);
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
