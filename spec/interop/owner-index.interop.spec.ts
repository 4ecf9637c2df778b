import { type CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { retryWhilePassing } from '../../lib/base/retry.ts';
import { ownerIndexName } from '../../lib/lease/lease-table.ts';
import { heldLease } from '../../lib/testkit/conformance/lease-write-cases.ts';
import { type RawTable, RawTables, rawLease } from '../lease/dynamo/raw-table.ts';
import { startDynamoDBLocal } from '../support/dynamodb-local.ts';
import { waitUntil } from './wait.ts';

// Only DynamoDB Local of the emulators can add an index to a table.
const never = new AbortController().signal;

const withoutIndex: Pick<CreateTableCommandInput, 'AttributeDefinitions' | 'KeySchema'> = {
  AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
};

let tables: RawTables;

async function indexesOf(raw: RawTable) {
  return (await tables.describe(raw)).Table?.GlobalSecondaryIndexes ?? [];
}

/** As a worker opens it at its start. DynamoDB Local now and then fails inside while it builds an index. */
function open({ table }: RawTable) {
  return retryWhilePassing(() => table.open(never), { clock: systemClock, random: systemRandom, signal: never });
}

describe('a table without the owner index, as KCL 2 makes them', () => {
  beforeAll(async () => {
    tables = RawTables.on(await startDynamoDBLocal());
  });
  afterAll(async () => {
    await tables?.[Symbol.asyncDispose]();
  });

  it.each([
    ['billed by request', {}],
    ['of provisioned capacity', { ProvisionedThroughput: { ReadCapacityUnits: 10, WriteCapacityUnits: 5 } }],
  ])('%s gets the index of KCL 3 when it is opened, with the capacity of the table', async (_, capacity) => {
    const raw = tables.next();
    const BillingMode = 'ProvisionedThroughput' in capacity ? 'PROVISIONED' : 'PAY_PER_REQUEST';
    await tables.create(raw, { ...withoutIndex, ...capacity, BillingMode });
    await raw.put(rawLease(heldLease));
    await raw.put(rawLease({ ...heldLease, leaseKey: 'b', leaseOwner: 'other' }));
    expect(await open(raw)).toMatchObject({ created: false });
    expect(await indexesOf(raw)).toMatchObject([
      {
        IndexName: ownerIndexName,
        KeySchema: [
          { AttributeName: 'leaseOwner', KeyType: 'HASH' },
          { AttributeName: 'leaseKey', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'KEYS_ONLY' },
        ...capacity,
      },
    ]);
    expect(await open(raw)).toMatchObject({ created: false });
    // Until then DynamoDB Local fails inside, where the service says that it cannot read from the index yet.
    await waitUntil(
      'the index to be ACTIVE',
      async () => (await indexesOf(raw))[0]?.IndexStatus === 'ACTIVE',
      () => 'another status',
    );
    expect(await raw.table.listKeysOwnedBy('me', never)).toEqual([heldLease.leaseKey]);
  });

  it('gets one index from workers that open it together', async () => {
    const raw = tables.next();
    await tables.create(raw, withoutIndex);
    const opened = await Promise.all(Array.from({ length: 5 }, () => open(raw)));
    expect(opened.map(({ created }) => created)).toEqual([false, false, false, false, false]);
    expect(await indexesOf(raw)).toHaveLength(1);
  });
});
