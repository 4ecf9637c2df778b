import { machineMillis } from '../ledger-line.ts';
import { type Scenario, undisturbedMillis } from '../scenario.ts';
import type { Stage } from '../stage.ts';

const readCalls = ['GetRecords', 'GetShardIterator', 'ListShards', 'DescribeStreamSummary'];
const tableCalls = ['UpdateItem', 'PutItem', 'DeleteItem', 'GetItem', 'Query', 'Scan', 'DescribeTable'];

/** How long throttling lasts. */
const throttledMillis = 6_000;

/** Services that refuse. */
export const outageScenarios: readonly Scenario[] = [
  {
    name: 'throttle',
    summary: 'half of the reads, and a third of the calls of DynamoDB, are throttled for 6 s',
    shards: 4,
    needsFaults: true,
    async play(stage) {
      await stage.begin('a', 'b');
      const name = 'ProvisionedThroughputExceededException';
      const effect = { kind: 'error', name } as const;
      await inject(stage, ['GetRecords'], { probability: 0.5, effect });
      await inject(stage, tableCalls, { probability: 0.3, effect });
      await stage.wait(throttledMillis);
      await stage.options.services.faults?.clearFaults();
      await stage.settled();
    },
    // A throttled read waits for up to half a second, the next ones longer; reads are halved for 10 s.
    pauseBoundMillis: () => throttledMillis + undisturbedMillis,
  },
  {
    name: 'dynamodb-outage',
    summary: 'DynamoDB answers nothing but errors for twice failoverTimeMillis',
    shards: 4,
    needsFaults: true,
    async play(stage) {
      await stage.begin('a', 'b');
      const sinceMillis = machineMillis();
      const effect = { kind: 'error', name: 'InternalServerError', statusCode: 500 } as const;
      await inject(stage, tableCalls, { effect });
      await stage.wait(2 * stage.options.failoverTimeMillis);
      await stage.options.services.faults?.clearFaults();
      // Whatever was handled after the last checkpoint, until the leases ran out.
      for (const worker of stage.workers) {
        const { failoverTimeMillis } = stage.options;
        stage.excuseTail(worker, sinceMillis);
        stage.excuses.push({
          worker: worker.name,
          fromMillis: sinceMillis,
          throughMillis: sinceMillis + failoverTimeMillis + undisturbedMillis,
        });
      }
      await stage.settled();
    },
    // Reading ends with the leases, F after their last renewal, so it rests for about F until the table answers again; then
    // a leader has to be found and the leases given out.
    pauseBoundMillis: ({ failoverTimeMillis }) => 2 * failoverTimeMillis + undisturbedMillis,
  },
  {
    name: 'kinesis-outage',
    summary: 'Kinesis takes records but answers every reader with errors for twice failoverTimeMillis',
    shards: 4,
    needsFaults: true,
    async play(stage) {
      await stage.begin('a', 'b');
      const before = stage.workers.map((worker) => stage.holdingsOf(worker).gained);
      const effect = { kind: 'error', name: 'InternalFailure', statusCode: 500 } as const;
      await inject(stage, readCalls, { effect });
      await stage.wait(2 * stage.options.failoverTimeMillis);
      await stage.options.services.faults?.clearFaults();
      const clearedMillis = machineMillis();
      await stage.until('every open shard is read again', () =>
        stage.control.openShards.every(({ shardId }) =>
          stage.workers.some((worker) =>
            worker.lines.some(
              (line) => line.type === 'records' && line.shardId === shardId && line.sinceMillis > clearedMillis,
            ),
          ),
        ),
      );
      const after = stage.workers.map((worker) => stage.holdingsOf(worker).gained);
      stage.expect(before.join() === after.join(), 'leases moved although only Kinesis was out');
    },
    // The wait between two attempts grows to 5 s.
    pauseBoundMillis: ({ failoverTimeMillis }) => 2 * failoverTimeMillis + 5_000 + undisturbedMillis,
  },
];

async function inject(
  stage: Stage,
  operations: readonly string[],
  fault: Omit<Parameters<NonNullable<Stage['options']['services']['faults']>['inject']>[0], 'operation'>,
): Promise<void> {
  const { faults } = stage.options.services;
  if (faults === undefined) throw new Error('these services cannot be made to fail');
  for (const operation of operations) await faults.inject({ operation, ...fault });
}
