import { CloudWatchClient, GetMetricStatisticsCommand, ListMetricsCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { CloudWatchSink } from '../../lib/monitor/cloudwatch/cloudwatch-client.ts';
import { CloudWatchPublisher } from '../../lib/monitor/cloudwatch/publisher.ts';
import type { ChildServer } from '../support/child-server.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import { startMoto } from '../support/moto.ts';

let moto: ChildServer;
let client: CloudWatchClient;

beforeAll(async () => {
  moto = await startMoto();
  client = new CloudWatchClient({ region: testRegion, credentials: testCredentials, endpoint: moto.endpoint });
});

afterAll(async () => {
  client.destroy();
  await moto.stop();
});

describe('figures on the wire of CloudWatch', () => {
  it('arrive as statistic sets with names, dimensions and namespace, in compressed calls', async () => {
    const bus = new EventBus();
    const failed: unknown[] = [];
    bus.subscribe((event) => event.type === 'cloudWatch.failed' && failed.push(event));
    const sink = new CloudWatchSink({ region: testRegion, credentials: testCredentials, endpoint: moto.endpoint });
    const publisher = new CloudWatchPublisher({
      bus,
      clock: systemClock,
      sink,
      namespace: 'mailer',
      level: 'SUMMARY',
      workerIdentifier: 'w-1',
    });
    const life = new AbortController();
    const run = publisher.run(life.signal);
    for (let index = 0; index < 300; index += 1) {
      const shardId = `shard-${index}`;
      bus.publish({ type: 'shard.read', shardId, records: 2, bytes: 20, millisBehindLatest: 5 });
      bus.publish({ type: 'shard.read', shardId, records: 4, bytes: 40, millisBehindLatest: 9 });
    }
    life.abort();
    await run;
    sink.destroy();
    expect(failed).toEqual([]);
    const listed = await client.send(new ListMetricsCommand({ Namespace: 'mailer', MetricName: 'RecordsProcessed' }));
    expect(listed.Metrics?.length).toBeGreaterThanOrEqual(300);
    const Dimensions = [
      { Name: 'Operation', Value: 'ProcessTask' },
      { Name: 'ShardId', Value: 'shard-299' },
    ];
    const now = systemClock.wallMillis();
    const { Datapoints } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace: 'mailer',
        MetricName: 'RecordsProcessed',
        Dimensions,
        StartTime: new Date(now - 600_000),
        EndTime: new Date(now + 600_000),
        Period: 1_200,
        Statistics: ['Sum', 'SampleCount'],
      }),
    );
    expect(Datapoints?.reduce((sum, point) => sum + (point.Sum ?? 0), 0)).toBe(6);
  });
});
