import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClients } from '../../lib/app/clients.ts';
import { systemClock } from '../../lib/base/clock.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import type { RawRecord } from '../../lib/kinesis/kinesis-api.ts';
import {
  type LocalService,
  createTestStream,
  startKinesisLocal,
  testCredentials,
  testRegion,
} from '../support/local-stack.ts';

let service: LocalService;

beforeAll(async () => {
  service = await startKinesisLocal();
  await createTestStream(service.endpoint, 'orders', 1);
});

afterAll(() => service.stop());

const signal = AbortSignal.timeout(120_000);
const entries = [
  { data: Buffer.alloc(0), partitionKey: 'empty' },
  { data: Buffer.from('{"order":1}'), partitionKey: 'grün' },
  { data: Buffer.from([0, 1, 254, 255]), partitionKey: 'a "quoted" \\ key' },
  { data: Buffer.alloc(900_000, 0xe7), partitionKey: '🌊' },
  { data: Buffer.from('last'), partitionKey: 'z' },
];

async function readAll(codec: 'json' | 'cbor' | 'sdk', events: MillraceEvent[]): Promise<readonly RawRecord[]> {
  const clients = createClients({
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: service.endpoint,
    requestTimeoutMillis: 60_000,
  });
  try {
    const stream = { streamName: 'orders' };
    const sink = { publish: (event: MillraceEvent) => events.push(event) };
    const api = createAwsKinesis({ client: clients.kinesis, stream, clock: systemClock, events: sink, codec });
    const [shard] = (await api.listShards({}, signal)).shards;
    const shardId = shard?.shardId ?? '';
    let iterator: string | undefined = await api.getShardIterator({ shardId, start: { type: 'TRIM_HORIZON' } }, signal);
    const records: RawRecord[] = [];
    while (iterator !== undefined && records.length < entries.length) {
      const answer = await api.getRecords({ iterator, limit: 10_000 }, signal);
      records.push(...answer.records);
      iterator = answer.nextIterator;
    }
    return records;
  } finally {
    clients.destroy();
  }
}

const plain = (record: RawRecord) => ({
  data: Buffer.from(record.data).toString('base64'),
  partitionKey: record.partitionKey,
  sequenceNumber: record.sequenceNumber,
  arrivalTimeMillis: record.arrivalTimeMillis,
});

it('kinesis-local gives the same records by every codec, and none falls back', async () => {
  const clients = createClients({
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: service.endpoint,
  });
  const stream = { streamName: 'orders' };
  const api = createAwsKinesis({ client: clients.kinesis, stream, clock: systemClock, events: { publish() {} } });
  await api.putRecords(entries, signal);
  clients.destroy();
  const events: MillraceEvent[] = [];
  const bySdk = (await readAll('sdk', events)).map(plain);
  expect(bySdk.map(({ partitionKey, data }) => ({ partitionKey, data }))).toEqual(
    entries.map(({ partitionKey, data }) => ({ partitionKey, data: data.toString('base64') })),
  );
  expect((await readAll('json', events)).map(plain)).toEqual(bySdk);
  expect((await readAll('cbor', events)).map(plain)).toEqual(bySdk);
  expect(events).toEqual([]);
}, 120_000);
