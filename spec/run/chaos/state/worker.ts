import { appendFileSync } from 'node:fs';
import diagnosticsChannel from 'node:diagnostics_channel';
import { StreamingContext, fileSink, fileState } from '../../../../lib/index.ts';
import { testCredentials, testRegion } from '../../../support/local-stack.ts';
import { countByKey } from './counting.ts';
import type { ShownLine, StateWorkerSettings } from './worker-settings.ts';

// A process that counts, with state that is committed and two sinks. Argument: its settings as JSON.

const settings = JSON.parse(process.argv[2] ?? '') as StateWorkerSettings;
const told = new Set([
  'worker.started',
  'engine.active',
  'engine.standby',
  'engine.lost',
  'batch.step',
  'batch.dropped',
]);
const program = diagnosticsChannel.channel('millrace.chaos');

const context = new StreamingContext({
  applicationName: settings.applicationName,
  batchIntervalMillis: 300,
  // Batches of the time between two processes are no part of what is shown here.
  onDowntime: 'coalesce',
  state: fileState(settings.stateFolder),
  snapshotIntervalBatches: 3,
  retainedVersions: settings.retainedVersions ?? 2,
});
context.events.subscribe((event) => {
  if (told.has(event.type)) {
    console.log(JSON.stringify(event));
  }
});
const lines = context.kinesisStream({
  streamName: settings.streamName,
  region: testRegion,
  credentials: testCredentials,
  kinesisEndpoint: settings.kinesisEndpoint,
  dynamoDBEndpoint: settings.dynamoDBEndpoint,
  workerIdentifier: settings.workerIdentifier,
  failoverTimeMillis: settings.failoverTimeMillis,
  idleTimeBetweenReadsInMillis: 250,
  checkpointIntervalMillis: 100,
  // Several batches are needed for a crash to fall between two of them.
  maxRecords: 40,
  blockMaxRecords: 20,
  blockIntervalMillis: 50,
  ...(settings.isBounded ? { until: 'CAUGHT_UP' as const } : {}),
});
lines
  .map(({ shardId, sequenceNumber, partitionKey }) => ({ shardId, sequenceNumber, partitionKey }))
  .writeTo(fileSink(settings.sinkFolder));
countByKey(lines, settings.scope, { onRecord: () => program.publish({ type: 'userFunction' }) }).foreachBatch(
  (batch, { group, fence }) => {
    const line: ShownLine = { group, fence: fence?.number ?? 0, batchId: batch.id, counts: batch.collect() };
    appendFileSync(settings.shownFile, `${JSON.stringify(line)}\n`);
  },
);

await context.run({ signals: ['SIGTERM'] }).catch((thrown: unknown) => {
  console.log(JSON.stringify({ type: 'failed', message: String(thrown) }));
  process.exitCode = 1;
});
// Standard input stays open for as long as the parent lives, and would keep this process too.
process.stdin.destroy();
