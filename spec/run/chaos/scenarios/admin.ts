import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { createAdmin } from '../../../../lib/index.ts';
import { machineMillis } from '../ledger-line.ts';
import { type Scenario, cleanPauseMillis, undisturbedMillis } from '../scenario.ts';
import { harnessClients } from '../services.ts';
import type { Stage } from '../stage.ts';

/** What is done to an application from outside of its workers. */
export const adminScenarios: readonly Scenario[] = [
  {
    name: 'seek',
    summary:
      'one shard is moved to its oldest record, another back to a record of two seconds ago, while the workers run',
    shards: 4,
    async play(stage) {
      await stage.begin('a', 'b');
      await stage.wait(2_000);
      const [first = '', second = ''] = stage.control.openShards.map(({ shardId }) => shardId);
      const { produced } = stage.load;
      const mark = produced.findLast((one) => one.shardId === second && one.atMillis < machineMillis() - 2_000);
      if (mark === undefined) throw new Error(`nothing was put into ${second} two seconds ago`);
      const before = produced.filter((one) => one.shardId === first);
      await using admin = createAdmin(stage.consumerOptions);
      const sinceMillis = machineMillis();
      await admin.seek({ to: 'TRIM_HORIZON', shards: [first] });
      await admin.seek({ to: { afterSequenceNumber: mark.sequenceNumber }, shards: [second] });
      // The owner learns of it at its next heartbeat; what it handles until then comes again with the rest.
      const throughMillis = machineMillis() + stage.checkpointIntervalMillis + undisturbedMillis;
      for (const shardId of [first, second]) stage.excuses.push({ shardId, fromMillis: 0, throughMillis });
      await stage.until('all that was moved is read again', () => {
        const again = handledSince(stage, first, sinceMillis);
        return before.every(({ sequenceNumber }) => again.has(sequenceNumber));
      });
      const next = produced.find(
        (one) => one.shardId === second && BigInt(one.sequenceNumber) > BigInt(mark.sequenceNumber),
      );
      // Its owner may learn of the seek only at its next heartbeat, when the first shard has long been read again.
      const readAgain = () => handledSince(stage, second, gainedSince(stage, second, sinceMillis));
      await stage.until('the record after the place of the seek comes again', () =>
        readAgain().has(next?.sequenceNumber ?? ''),
      );
      await stage.settled();
      const tooEarly = [...readAgain()].filter((number) => BigInt(number) <= BigInt(mark.sequenceNumber));
      stage.expect(tooEarly.length === 0, `${tooEarly.length} records before the place of the seek came again`);
    },
    pauseBoundMillis: () => cleanPauseMillis,
  },
  {
    name: 'lost-table',
    summary: 'the lease table is deleted: the workers end, and new ones begin with the oldest record',
    shards: 4,
    async play(stage) {
      await stage.begin('a', 'b');
      const old = stage.running;
      const clients = harnessClients(stage.options.services);
      await clients.dynamoDB.send(new DeleteTableCommand({ TableName: stage.options.name }));
      clients.destroy();
      for (const worker of old) stage.giveUpOn(worker);
      await stage.until('the workers have ended', () => old.every((worker) => worker.end !== undefined));
      for (const worker of old) {
        const ended = worker.lines.findLast((line) => line.type === 'ended');
        const isTold = ended?.fault?.startsWith('MR_TABLE_FOREIGN: ') === true;
        stage.expect(isTold, `${worker.name} ended with ${ended?.fault ?? 'nothing'}`);
      }
      stage.excuses.push({ fromMillis: 0, throughMillis: machineMillis() });
      stage.start('c');
      stage.start('d');
      await stage.settled();
    },
    // The workers have to find out, and new ones have to be started.
    pauseBoundMillis: ({ failoverTimeMillis }) => 2 * failoverTimeMillis + 5_000 + undisturbedMillis,
  },
];

/** The sequence numbers of a shard that were handled by work begun after a moment. */
function handledSince(stage: Stage, shardId: string, sinceMillis: number): ReadonlySet<string> {
  const numbers = stage.workers.flatMap(({ lines }) =>
    lines.flatMap((line) =>
      line.type === 'records' && line.shardId === shardId && line.sinceMillis > sinceMillis
        ? line.records.map(({ sequenceNumber }) => sequenceNumber)
        : [],
    ),
  );
  return new Set(numbers);
}

/** When the first tenure of a shard began that was not yet there at a moment. */
function gainedSince(stage: Stage, shardId: string, sinceMillis: number): number {
  const times = stage.workers.flatMap(({ lines }) =>
    lines.flatMap((line) =>
      line.type === 'event' && line.event.type === 'lease.gained' && line.event.leaseKey === shardId
        ? [line.atMillis]
        : [],
    ),
  );
  return Math.min(...times.filter((atMillis) => atMillis > sinceMillis));
}
