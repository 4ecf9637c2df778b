/**
 * A Millrace worker that says what happens in the lines of the Java worker: each record, and each event of its own as
 * `{"event":"event","type":...}`. SIGTERM drains it; the end of its input ends it at once.
 */
import { type ConsumerOptions, type KinesisRecord, type ProcessRecordsInput, createConsumer } from '../../lib/index.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import type { MillraceWorkerSettings } from './millrace-worker.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as MillraceWorkerSettings &
  Pick<ConsumerOptions, 'coordinationTables'>;

process.stdin.resume();
for (const ended of ['end', 'error'] as const) process.stdin.on(ended, () => process.kill(process.pid, 'SIGKILL'));

const consumer = createConsumer({
  applicationName: settings.applicationName,
  streamName: settings.streamName,
  workerIdentifier: settings.workerId,
  region: testRegion,
  credentials: testCredentials,
  kinesisEndpoint: settings.kinesisEndpoint,
  dynamoDBEndpoint: settings.dynamoEndpoint,
  failoverTimeMillis: settings.failoverTimeMillis,
  idleTimeBetweenReadsInMillis: 250,
  coordinationTables: settings.coordinationTables,
  listener: (event) => say('event', event),
});

say('launched', { pid: process.pid });
try {
  const { stopAtData } = settings;
  if (stopAtData === undefined) {
    await consumer.run(({ records }) => records.forEach(sayRecord), { signals: ['SIGTERM'] });
  } else {
    await consumer.run(stoppingAt(stopAtData), { checkpointing: 'manual', signals: ['SIGTERM'] });
  }
  say('stopped', { clean: true });
} catch (thrown) {
  say('failed', { error: String(thrown) });
  process.exitCode = 1;
}
// Nothing else keeps the process: the worker has let go of all it had.
process.stdin.destroy();

function sayRecord({ shardId, sequenceNumber, subSequenceNumber, data }: KinesisRecord): void {
  say('record', { shardId, sequenceNumber, subSequenceNumber, data: Buffer.from(data).toString() });
}

/** A processor that checkpoints one record by its numbers, as KCL does, and does nothing any more. */
function stoppingAt(stopAtData: string) {
  let hasStopped = false;
  return {
    async processRecords({ records, checkpointer }: ProcessRecordsInput): Promise<void> {
      for (const record of records) {
        if (hasStopped) return;
        sayRecord(record);
        if (record.text() !== stopAtData) continue;
        hasStopped = true;
        await checkpointer.checkpoint(record.sequenceNumber, record.subSequenceNumber);
        say('checkpoint', { shardId: record.shardId, during: 'stop' });
      }
    },
  };
}

function say(event: string, members: object): void {
  const line = { event, atMillis: Date.now(), ...members };
  process.stdout.write(
    `${JSON.stringify(line, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}\n`,
  );
}
