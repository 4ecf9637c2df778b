import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createClients } from '../../../lib/app/clients.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import { KinesisRecord } from '../../../lib/block/record.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import { testCredentials, testRegion } from '../../support/local-stack.ts';
import { cborType, jsonType, scriptedClient } from './scripted-client.ts';
import { cborOf, jsonOf, usualStyle } from './wire-forms.ts';

/** The most that a view may keep in memory beside what it shows: one piece from the network. */
const maxPieceBytes = 256 * 1024;

function pageOf(sizes: readonly number[]) {
  return {
    records: sizes.map((size, index) => ({
      data: new Uint8Array(size).fill(index),
      partitionKey: `key ${index}`,
      sequenceNumber: String(index + 1),
      arrivalTimeMillis: 1_700_000_000_000 + index,
      encryptionType: undefined,
    })),
    nextIterator: 'next',
    millisBehindLatest: 0,
    childShards: undefined,
  };
}

async function readOverHttp(codec: 'json' | 'cbor', body: Buffer) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, codec === 'cbor' ? cborType : jsonType).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const clients = createClients({
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requestTimeoutMillis: 60_000,
  });
  try {
    const stream = { streamName: 'orders' };
    const events = { publish: () => {} };
    const api = createAwsKinesis({ client: clients.kinesis, stream, clock: systemClock, events, codec });
    const { records, wireBytes } = await api.getRecords({ iterator: 'i', limit: 10_000 }, new AbortController().signal);
    const origin = { shardId: 'shardId-0', streamName: 'orders', subSequenceNumber: 0 };
    return { records: records.map((record) => new KinesisRecord(record, origin)), wireBytes };
  } finally {
    clients.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('a record of a page of many megabytes', () => {
  it('keeps no more than one piece of the answer in memory, or its own bytes', async () => {
    const sizes = Array.from({ length: 1_500 }, (_, index) => (index === 700 ? 300_000 : index % 2_000));
    for (const codec of ['json', 'cbor'] as const) {
      const page = pageOf(sizes);
      const body = codec === 'json' ? jsonOf(page) : cborOf(page);
      const { records, wireBytes } = await readOverHttp(codec, body);
      // What is told of the page for the byte budget: all of the answer, or what was moved out of it.
      const held = new Set(records.map(({ data }) => data.buffer));
      const heldBytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(wireBytes).toBe(codec === 'json' ? heldBytes : body.length);
      expect(records.map((record) => record.byteLength)).toEqual(sizes);
      for (const { data } of records) {
        expect(data.buffer.byteLength).toBeLessThanOrEqual(Math.max(maxPieceBytes, 4 * data.byteLength));
      }
    }
  });

  it('owns its bytes when the page had to be parsed as a whole', async () => {
    const body = jsonOf(pageOf([100_000, 10, 0]), { ...usualStyle, escapes: 'slashes', unknownFields: true });
    const { records, wireBytes } = await readOverHttp('json', body);
    for (const { data } of records) expect(data.buffer.byteLength).toBe(data.byteLength);
    expect(wireBytes).toBeUndefined();
  });

  it('detached owns its bytes, and says the same', async () => {
    const { records } = await readOverHttp('json', jsonOf(pageOf([1_000, 0, 5])));
    for (const record of records) {
      const own = record.detach();
      expect(own.data.buffer.byteLength).toBe(record.byteLength);
      const fields = (one: KinesisRecord) => [
        one.partitionKey,
        one.arrivalTime,
        one.position,
        one.shardId,
        one.streamName,
      ];
      expect(fields(own)).toEqual(fields(record));
      expect(Buffer.compare(own.data, record.data)).toBe(0);
    }
  });
});

describe('a record', () => {
  it('gives the same view each time it is asked', async () => {
    const {
      records: [record],
    } = await readOverHttp('json', jsonOf(pageOf([10])));
    expect(record?.data).toBe(record?.data);
  });

  it('is not touched by the decoding of other pages', async () => {
    const page = pageOf(Array.from({ length: 50 }, () => 500));
    const scripted = scriptedClient('json', () => ({ headers: jsonType, chunks: [jsonOf(page)] }));
    const first = await scripted.getRecords();
    await scripted.getRecords();
    expect(first.records.map(({ data }) => data[0])).toEqual(page.records.map(({ data }) => data[0]));
  });
});
