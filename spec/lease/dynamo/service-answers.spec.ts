import type { ScanCommandOutput } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../lib/base/clock.ts';
import { AwsDynamo } from '../../../lib/lease/dynamo/aws-dynamo.ts';
import type { DynamoLeaseTable } from '../../../lib/lease/dynamo/dynamo-lease-table.ts';
import { openTable } from '../../../lib/lease/dynamo/open-table.ts';
import { scanSegments } from '../../../lib/lease/dynamo/scan-segments.ts';
import { ownerIndexName } from '../../../lib/lease/lease-table.ts';
import { renewLease } from '../../../lib/lease/lease-write.ts';
import { heldLease } from '../../../lib/testkit/conformance/lease-write-cases.ts';
import { type WireAnswer, type WireHandler, refusal, startKinesisWire } from '../../support/kinesis-wire.ts';
import { RawTables, rawLease } from './raw-table.ts';

/** What DynamoDB may say that no emulator says: an index under construction, empty pages, permission or table lost. */
const never = new AbortController().signal;
const fence = { leaseKey: heldLease.leaseKey, leaseCounter: 7, tenure: 5 };

interface Bench {
  readonly table: DynamoLeaseTable;
  readonly tables: RawTables;
  readonly operations: readonly string[];
}

/** Answers each operation by its handler; the table is `table-1`. */
async function withAnswers(
  handlers: Readonly<Record<string, WireHandler>>,
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  const wire = await startKinesisWire(handlers);
  const service = { ...wire, pid: process.pid, operations: [] };
  await using tables = RawTables.on(service);
  await body({ tables, table: tables.next().table, operations: wire.operations });
}

const always = (answer: WireAnswer): WireHandler => {
  return () => answer;
};

describe('the owner index', () => {
  it.each([
    ['still being built', 'Cannot read from backfilling global secondary index: LeaseOwnerToLeaseKeyIndex'],
    ['not there', 'The table does not have the specified index: LeaseOwnerToLeaseKeyIndex'],
  ])('that is %s is no answer, which is not the same as no leases', async (_, message) => {
    await withAnswers({ Query: always(refusal('ValidationException', message)) }, async ({ table }) => {
      expect(await table.listKeysOwnedBy('me', never)).toBeUndefined();
    });
  });

  it('that refuses a call for another reason is an error', async () => {
    const answer = refusal('ValidationException', 'One or more parameter values were invalid');
    await withAnswers({ Query: always(answer) }, async ({ table }) => {
      await expect(table.listKeysOwnedBy('me', never)).rejects.toMatchObject({ code: 'MR_INTERNAL' });
    });
  });

  it('goes on behind a page without keys', async () => {
    const next = { leaseKey: { S: 'a' }, leaseOwner: { S: 'me' } };
    const Query: WireHandler = (_, number) => ({
      body: number < 3 ? { Items: [], LastEvaluatedKey: next } : { Items: [{ leaseKey: { S: 'b' } }] },
    });
    await withAnswers({ Query }, async ({ table, operations }) => {
      expect(await table.listKeysOwnedBy('me', never)).toEqual(['b']);
      expect(operations).toHaveLength(3);
    });
  });
});

describe('a scan', () => {
  const wireLease = (leaseKey: string) => rawLease({ ...heldLease, leaseKey });

  it('asks for each page behind the last, goes on behind empty ones, and reads consistently unless told otherwise', async () => {
    const asked: unknown[] = [];
    const pages = [
      { Items: [wireLease('a')], LastEvaluatedKey: { leaseKey: { S: 'a' } } },
      { Items: [], LastEvaluatedKey: { leaseKey: { S: 'b' } } },
      { Items: [wireLease('c'), wireLease('d')], LastEvaluatedKey: { leaseKey: { S: 'd' } } },
      { Items: [] },
    ];
    const Scan: WireHandler = (body, number) => {
      asked.push([body['ExclusiveStartKey'], body['ConsistentRead'] ?? false]);
      return { body: pages[(number - 1) % pages.length] };
    };
    await withAnswers({ Scan }, async ({ table }) => {
      for (const consistency of ['consistent', 'eventual'] as const) {
        asked.length = 0;
        const { leases } = await table.scan(never, consistency);
        expect(leases.map((lease) => lease.leaseKey)).toEqual(['a', 'c', 'd']);
        const starts = [undefined, { leaseKey: { S: 'a' } }, { leaseKey: { S: 'b' } }, { leaseKey: { S: 'd' } }];
        expect(asked).toEqual(starts.map((start) => [start, consistency === 'consistent']));
      }
    });
  });

  describe('of a large table', () => {
    const bytes = 1024 ** 3;
    const DescribeTable = always({
      body: {
        Table: {
          TableStatus: 'ACTIVE',
          TableSizeBytes: bytes,
          KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
          GlobalSecondaryIndexes: [{ IndexName: ownerIndexName, IndexStatus: 'ACTIVE' }],
        },
      },
    });
    const missing = refusal('ResourceNotFoundException');
    const onlyLeases: WireHandler = (body, number) =>
      body['TableName'] === 'table-1' ? DescribeTable(body, number) : missing;

    it('asks for parts of 0.2 GB side by side, each page by page', async () => {
      const asked: string[] = [];
      const Scan: WireHandler = (body) => {
        const part = String(body['Segment']);
        const isSecond = body['ExclusiveStartKey'] !== undefined;
        asked.push(`${part}/${String(body['TotalSegments'])}${isSecond ? ' on' : ''}`);
        const Items = [wireLease(`${part}-${isSecond ? 'b' : 'a'}`)];
        return { body: isSecond ? { Items } : { Items, LastEvaluatedKey: { leaseKey: { S: part } } } };
      };
      await withAnswers({ DescribeTable: onlyLeases, Scan }, async ({ table }) => {
        await table.open(never);
        const { leases } = await table.scan(never);
        const parts = ['0', '1', '2', '3', '4'];
        expect(leases.map((lease) => lease.leaseKey).toSorted()).toEqual(
          parts.flatMap((one) => [`${one}-a`, `${one}-b`]),
        );
        expect(asked.toSorted()).toEqual(parts.flatMap((one) => [`${one}/5`, `${one}/5 on`]));
      });
    });

    it('ends all parts with the first fault, and leaves none of them under way', async () => {
      const page = { Items: [], LastEvaluatedKey: { leaseKey: { S: 'a' } } };
      const Scan: WireHandler = (body) =>
        body['Segment'] === 3 ? refusal('ProvisionedThroughputExceededException') : { body: page };
      await withAnswers({ DescribeTable: onlyLeases, Scan }, async ({ table, operations }) => {
        await table.open(never);
        await expect(table.scan(never)).rejects.toMatchObject({ code: 'MR_THROTTLED' });
        // Requests that had left already may still arrive, one of each part.
        const before = operations.length;
        for (let calls = 0; calls < 10; calls += 1) await table.coordination(never);
        expect(operations.slice(before).filter((name) => name === 'Scan').length).toBeLessThan(5);
      });
    });

    it.each([
      [undefined, 10],
      [0, 1],
      [1, 1],
      [0.2 * bytes, 1],
      [0.2 * bytes + 1, 2],
      [6.4 * bytes, 32],
      [100 * bytes, 32],
    ])('of %s bytes has %i parts, as in KCL', (size, parts) => {
      const segments = scanSegments(size);
      expect(segments.map(({ index }) => index)).toEqual(Array.from({ length: parts }, (_, index) => index));
      expect(new Set(segments.map(({ total }) => total))).toEqual(new Set([parts]));
    });
  });

  it('that fails in the middle is no half snapshot', async () => {
    const Scan: WireHandler = (_, number) =>
      number === 1
        ? { body: { Items: [wireLease('a')], LastEvaluatedKey: { leaseKey: { S: 'a' } } } }
        : refusal('ProvisionedThroughputExceededException');
    await withAnswers({ Scan }, async ({ table }) => {
      await expect(table.scan(never)).rejects.toMatchObject({ code: 'MR_THROTTLED', reaction: 'retry' });
    });
  });

  it('ends with an error after 10,000 pages', async () => {
    const output: ScanCommandOutput = { $metadata: {}, Items: [], LastEvaluatedKey: { leaseKey: { S: 'a' } } };
    let pages = 0;
    await withAnswers({}, async ({ tables, table }) => {
      // The same answer, without the time that so many calls would take.
      const answer = () => () => {
        pages += 1;
        return Promise.resolve({ output, response: {} });
      };
      tables.client.middlewareStack.add(answer, { step: 'initialize', priority: 'high' });
      await expect(table.scan(never)).rejects.toMatchObject({
        code: 'MR_TABLE_FOREIGN',
        subject: { table: 'table-1' },
      });
    });
    expect(pages).toBe(10_000);
  });
});

const calls: readonly (readonly [string, (table: DynamoLeaseTable) => Promise<unknown>])[] = [
  ['Scan', (table) => table.scan(never)],
  ['Query', (table) => table.listKeysOwnedBy('me', never)],
  ['GetItem', (table) => table.get('a', never)],
  ['PutItem', (table) => table.createIfAbsent(heldLease, never)],
  ['UpdateItem', (table) => table.write(renewLease(fence), never)],
  ['DeleteItem', (table) => table.deleteEnded(heldLease, never)],
];

describe.each(calls)('%s', (operation, call) => {
  it.each([
    ['of a table that was deleted', 'ResourceNotFoundException', 400, 'MR_TABLE_FOREIGN', 'fatal'],
    ['that is not allowed any more', 'AccessDeniedException', 400, 'MR_ACCESS_DENIED', 'fatal'],
    ['with a token that has expired', 'ExpiredTokenException', 400, 'MR_ACCESS_DENIED', 'fatal'],
    ['beyond the capacity', 'ProvisionedThroughputExceededException', 400, 'MR_THROTTLED', 'retry'],
    ['of too many', 'RequestLimitExceeded', 400, 'MR_THROTTLED', 'retry'],
    ['that fails inside the service', 'InternalServerError', 500, 'MR_ENDPOINT_UNREACHABLE', 'retry'],
    ['that the service does not understand', 'ValidationException', 400, 'MR_INTERNAL', 'fatal'],
  ])('%s is an error that names the table', async (_, name, status, code, reaction) => {
    const message = `dynamodb:${operation} says no`;
    await withAnswers({ [operation]: always(refusal(name, message, status)) }, async ({ table, operations }) => {
      await expect(call(table)).rejects.toMatchObject({
        code,
        reaction,
        subject: { table: 'table-1' },
        message: expect.stringMatching(new RegExp(`table-1.*${message}`)) as string,
      });
      // What is tried again is tried by the loop that asked.
      expect(operations).toEqual([operation]);
    });
  });
});

describe('a refused condition', () => {
  const item = rawLease({ ...heldLease, leaseCounter: 9 });

  it.each([
    ['with the row', { Item: item }, ['UpdateItem']],
    ['without it, which is read then', {}, ['UpdateItem', 'GetItem']],
  ])('%s shows the row', async (_, more, expected) => {
    const handlers = {
      UpdateItem: always({
        status: 400,
        body: { __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException', message: 'no', ...more },
      }),
      GetItem: always({ body: { Item: item } }),
    };
    await withAnswers(handlers, async ({ table, operations }) => {
      const written = await table.write(renewLease(fence), never);
      expect(written).toMatchObject({ outcome: 'refused', lease: { leaseCounter: 9 } });
      expect(operations).toEqual(expected);
    });
  });
});

describe('a table that does not become active', () => {
  it('is waited for during 600 s, as KCL does, and then named', async () => {
    const clock = hurriedClock();
    const description = { Table: { TableStatus: 'CREATING', KeySchema: [], AttributeDefinitions: [] } };
    await withAnswers({ DescribeTable: always({ body: description }) }, async ({ tables }) => {
      const dynamo = new AwsDynamo(tables.client, 'mailer');
      const create = () => Promise.reject(new Error('it is there'));
      await expect(openTable({ dynamo, clock, create, check: () => {}, signal: never })).rejects.toMatchObject({
        code: 'MR_ENDPOINT_UNREACHABLE',
        subject: { table: 'mailer' },
        message: expect.stringContaining('table mailer is still CREATING after 600 s') as string,
      });
      expect(clock.monotonicMillis()).toBeGreaterThan(600_000);
    });
  });
});

/** A clock on which every wait takes a hundred times as long, and no time passes otherwise. */
function hurriedClock(): Clock {
  let now = 0;
  return {
    wallMillis: () => now,
    monotonicMillis: () => now,
    timer: (delayMillis, callback) => {
      now += delayMillis * 100;
      const immediate = setImmediate(callback);
      return () => clearImmediate(immediate);
    },
  };
}
