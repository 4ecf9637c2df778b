import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dynamoSink } from '../../../lib/app/sinks/dynamo-sink.ts';
import type { SinkContext } from '../../../lib/engine/sink/sink.ts';
import { sinkSuite } from '../../../lib/testkit/conformance/sink-suite.ts';
import { type LocalFakeAws, startFakeAws } from '../../../lib/testkit/server/start.ts';
import { createTable, dynamoSinkBench, rowsOf, sinkOn } from '../../support/dynamo-sink-bench.ts';
import { dynamoClient } from '../../testkit/server/aws-clients.ts';

let aws: LocalFakeAws;
let client: DynamoDBClient;

beforeAll(async () => {
  aws = await startFakeAws();
  client = dynamoClient(aws);
});
afterEach(() => aws.clearFaults());
afterAll(async () => {
  client.destroy();
  await aws.stop();
});

const context: SinkContext = {
  application: 'app',
  group: 'shard-0',
  batchId: 12,
  batchTimeMillis: 1_000,
  fence: { kind: 'tenure', number: 3 },
  partition: 0,
  attempt: 1,
  signal: new AbortController().signal,
};

interface Row {
  readonly pk?: string;
  readonly [name: string]: unknown;
}

const open = (tableName: string) => sinkOn<Row>(aws.endpoint, { tableName, item: (row) => row });

describe('dynamoSink', () => {
  it.each(sinkSuite(dynamoSinkBench(() => aws.endpoint)))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('writes the last of several rows of a key, also across transactions, and leaves out undefined', async () => {
    const tableName = await createTable(client);
    const rows = Array.from({ length: 230 }, (_, index) => ({ pk: `key ${index % 115}`, n: index }));
    const sink = sinkOn<(typeof rows)[number]>(aws.endpoint, {
      tableName,
      item: (row) => (row.n === 229 ? undefined : row),
    });
    await sink.write(rows, context);
    const found = await rowsOf(client, tableName);
    expect(found.size).toBe(115);
    expect(found.get('key 3')?.['n']).toEqual({ N: '118' });
    expect(found.get('key 114')?.['n']).toEqual({ N: '114' });
  });

  it('cuts a batch of large rows into transactions of less than 4 MB', async () => {
    const tableName = await createTable(client);
    const rows = Array.from({ length: 30 }, (_, index) => ({ pk: `key ${index}`, text: 'x'.repeat(300_000) }));
    const before = (await aws.stats()).calls['TransactWriteItems'] ?? 0;
    await open(tableName).write(rows, context);
    expect((await aws.stats()).calls['TransactWriteItems']).toBe(before + 3);
    expect((await rowsOf(client, tableName)).size).toBe(30);
  });

  it('marks each application, group and table by itself, with fence and batch id', async () => {
    const tableName = await createTable(client);
    await open(tableName).write([{ pk: 'a' }], context);
    await open(tableName).write([{ pk: 'a' }], { ...context, group: 'lines:shard-0' });
    const marks = await rowsOf(client, `${tableName}-Millrace`);
    expect([...marks.keys()].toSorted()).toEqual([`${tableName}/app/lines%3Ashard-0`, `${tableName}/app/shard-0`]);
    expect(marks.get(`${tableName}/app/shard-0`)).toMatchObject({ fence: { N: '3' }, batchId: { N: '12' } });
  });

  it('writes no mark for an empty batch of a holder that has left one', async () => {
    const tableName = await createTable(client);
    const sink = open(tableName);
    const writes = async () => (await aws.stats()).calls['TransactWriteItems'] ?? 0;
    const before = await writes();
    await sink.write([], context);
    await sink.write([], { ...context, batchId: 13 });
    expect(await writes()).toBe(before + 1);
  });

  it('goes on when an answer is lost, a transaction is in conflict, or the service is busy', async () => {
    const tableName = await createTable(client);
    const sink = open(tableName);
    await aws.inject({ operation: 'TransactWriteItems', times: 1, effect: { kind: 'cut' } });
    await sink.write([{ pk: 'a', n: 1 }], context);
    const busy = { kind: 'error', name: 'ThrottlingException', message: 'slow down' } as const;
    await aws.inject({ operation: 'TransactWriteItems', times: 1, effect: busy });
    await sink.write([{ pk: 'b', n: 1 }], { ...context, batchId: 13 });
    expect((await rowsOf(client, tableName)).size).toBe(2);
  });

  it('opens its tables for every group, also when the one that began it has lost its lease', async () => {
    const tableName = await createTable(client);
    const sink = open(tableName);
    await aws.inject({ operation: 'DescribeTable', times: 1, effect: { kind: 'delay', delayMillis: 200 } });
    const leaving = new AbortController();
    const first = sink.write([{ pk: 'a' }], { ...context, signal: leaving.signal });
    const second = sink.write([{ pk: 'b' }], { ...context, group: 'shard-1' });
    leaving.abort(new Error('the lease is lost'));
    await expect(first).rejects.toThrow('the lease is lost');
    await expect(second).resolves.toBeUndefined();
    expect([...(await rowsOf(client, tableName)).keys()]).toEqual(['b']);
  });

  it('says what is wrong with a table, a row and an option', async () => {
    const tableName = await createTable(client);
    const sink = open(tableName);
    await expect(sink.write([{ n: 1 }], context)).rejects.toThrow(/MR_CONFIG_INVALID.*a row without pk/);
    await expect(sink.write([{ pk: 'a', at: new Date() }], context)).rejects.toThrow(
      /MR_CONFIG_INVALID.*attribute "at": Date has no form in DynamoDB; give a time/,
    );
    await expect(sink.write([{ pk: 'a', n: Number.NaN }], context)).rejects.toThrow(/attribute "n": NaN is no number/);
    await expect(sink.write([7 as never], context)).rejects.toThrow(/gave number: give a plain object/);
    await expect(open('nowhere').write([{ pk: 'a' }], context)).rejects.toThrow(
      /MR_CONFIG_INVALID: there is no table nowhere/,
    );
    const { fence: _fence, ...uncommitted } = context;
    await expect(sink.write([{ pk: 'a' }], uncommitted)).rejects.toThrow(/MR_CONFIG_INVALID.*needs batches that are/);
    const foreign = sinkOn<Row>(aws.endpoint, { tableName, item: (row) => row, markerTableName: tableName });
    await expect(foreign.write([{ pk: 'a' }], context)).rejects.toThrow(/MR_TABLE_FOREIGN.*markerTableName/);
    expect(() => dynamoSink({ tableName: '', item: (row: Row) => row })).toThrow(/MR_CONFIG_INVALID.*needs tableName/);
    expect(() => dynamoSink({ tableName, item: undefined as never })).toThrow(/MR_CONFIG_INVALID.*needs item/);
  });

  it('writes what plain objects hold', async () => {
    const tableName = await createTable(client);
    const row = {
      pk: 'a',
      text: 'x',
      number: 1.5,
      big: 2n ** 100n,
      yes: true,
      nothing: null,
      left: undefined,
      list: [1, 'two', [3n]],
      map: { a: { b: 1 } },
      set: new Set(['x', 'y']),
      bytes: new Uint8Array([1, 2]),
    };
    await open(tableName).write([row], context);
    expect((await rowsOf(client, tableName)).get('a')).toEqual({
      pk: { S: 'a' },
      text: { S: 'x' },
      number: { N: '1.5' },
      big: { N: (2n ** 100n).toString() },
      yes: { BOOL: true },
      nothing: { NULL: true },
      list: { L: [{ N: '1' }, { S: 'two' }, { L: [{ N: '3' }] }] },
      map: { M: { a: { M: { b: { N: '1' } } } } },
      set: { SS: ['x', 'y'] },
      bytes: { B: new Uint8Array([1, 2]) },
    });
  });
});
