import { StreamingContext, fileState } from '../../../lib/index.ts';
import { testCredentials, testRegion } from '../../support/local-stack.ts';
import { HeldShards } from './held-shards.ts';
import { LineCutter, type WorkerReport, type WorkerSettings } from './report.ts';
import { wordSeparator } from './word-lines.ts';

// A worker of the demo: a process of its own that counts the words of the shards it gets. It is told where the
// emulators are by a line on its standard input, and tells what reached its outputs in lines on its standard output.

/** How often batches are cut: a table that moves is nicer to watch. */
const batchIntervalMillis = 500;
/** Pause between reads of a shard that is caught up, for the same reason. */
const idleTimeBetweenReadsInMillis = 500;
/** How often the held shards are told. */
const tellIntervalMillis = 500;

/** Writes a report; resolves when it has left the process. */
function tell(report: WorkerReport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${JSON.stringify(report)}\n`, (error) => (error ? reject(error) : resolve()));
  });
}

/** The settings, or nothing when standard input is closed before they come. */
function readSettings(): Promise<WorkerSettings | undefined> {
  const cutter = new LineCutter();
  return new Promise((resolve) => {
    process.stdin.setEncoding('utf8').on('data', (piece: string) => {
      for (const line of cutter.push(piece)) resolve(JSON.parse(line) as WorkerSettings);
    });
    process.stdin.once('close', () => resolve(undefined));
  });
}

function wordCount(settings: WorkerSettings): StreamingContext {
  const { applicationName, streamName, workerIdentifier, kinesisEndpoint, dynamoDBEndpoint } = settings;
  const { stateFolder } = settings;
  const context = new StreamingContext({
    applicationName,
    batchIntervalMillis,
    ...(stateFolder === undefined ? {} : { state: fileState(stateFolder) }),
    ...(settings.ui === true ? { ui: { port: 0, onListening: ({ url }) => void tell({ type: 'page', url }) } } : {}),
  });
  // Whoever listens knows a batch again by its id, so that a batch that is repeated must hold the same records.
  const output = stateFolder === undefined ? {} : ({ guarantee: 'idempotent', repeatable: true } as const);
  const lines = context.kinesisStream({
    streamName,
    workerIdentifier,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint,
    dynamoDBEndpoint,
    idleTimeBetweenReadsInMillis,
    ...settings.options,
  });

  lines
    .flatMap((record) => record.text().split(wordSeparator))
    .mapToPair((word) => [word, 1])
    .reduceByKey((a, b) => a + b, { partial: true })
    .foreachBatch(
      (batch, { group }) => tell({ type: 'counts', group, batchId: batch.id, counts: batch.collect() }),
      output,
    );

  // A second output of the same batches: which records they were made of. Both outputs, or neither, are finished when
  // the engine acknowledges a batch; so a record that is skipped or repeated on its way shows here.
  lines
    .map(({ shardId, sequenceNumber }): [string, string] => [shardId, sequenceNumber])
    .foreachBatch(
      (batch, { group }) => tell({ type: 'records', group, batchId: batch.id, places: batch.collect() }),
      output,
    );
  return context;
}

async function main(): Promise<void> {
  // The context listens for SIGTERM while it runs; before that there is nothing to drain.
  const early = new AbortController();
  let isRunning = false;
  process.once('SIGTERM', () => {
    early.abort();
    if (!isRunning) process.stdin.destroy();
  });
  const reading = readSettings();
  await tell({ type: 'ready' });
  const settings = await reading;
  if (settings === undefined || early.signal.aborted) return;
  isRunning = true;
  const context = wordCount(settings);
  const held = new HeldShards();
  context.events.subscribe((event) => held.add(event));
  const telling = setInterval(() => void tell({ type: 'shards', ...held.current }), tellIntervalMillis);
  try {
    await context.run({ signals: ['SIGTERM'] });
    await tell({ type: 'shards', ...held.current });
  } finally {
    clearInterval(telling);
  }
}

try {
  await main();
} finally {
  // Standard input stays open for as long as the parent lives, and would keep this process too.
  process.stdin.destroy();
}
