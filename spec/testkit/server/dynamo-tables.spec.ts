import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type FakeAwsOptions, startFakeAws } from '../../../lib/testkit/server/start.ts';
import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import { dynamoClient } from './aws-clients.ts';

async function setup(options: FakeAwsOptions = {}) {
  const aws = await startFakeAws(options);
  const client = dynamoClient(aws);
  onTestFinished(async () => {
    client.destroy();
    await aws.stop();
  });
  return { aws, client };
}

async function createTable(client: DynamoDBClient, TableName = 'leases'): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
    }),
  );
}

const addIndex = new UpdateTableCommand({
  TableName: 'leases',
  AttributeDefinitions: [
    { AttributeName: 'leaseKey', AttributeType: 'S' },
    { AttributeName: 'leaseOwner', AttributeType: 'S' },
  ],
  GlobalSecondaryIndexUpdates: [
    {
      Create: {
        IndexName: 'byOwner',
        KeySchema: [{ AttributeName: 'leaseOwner', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'KEYS_ONLY' },
      },
    },
  ],
});

const ownedByMe = new QueryCommand({
  TableName: 'leases',
  IndexName: 'byOwner',
  KeyConditionExpression: 'leaseOwner = :me',
  ExpressionAttributeValues: { ':me': { S: 'me' } },
});

const put = (leaseKey: string, leaseOwner?: string) =>
  new PutItemCommand({
    TableName: 'leases',
    Item: { leaseKey: { S: leaseKey }, ...(leaseOwner === undefined ? {} : { leaseOwner: { S: leaseOwner } }) },
  });

describe('a table of the fake AWS', () => {
  it('is CREATING for a while, in which it takes no items, and DELETING before it is gone', async () => {
    const clock = new VirtualClock();
    const { client } = await setup({ transitionMillis: 300, clock });
    const describe = new DescribeTableCommand({ TableName: 'leases' });
    const status = async () =>
      client.send(describe).then(
        ({ Table }) => Table?.TableStatus,
        (thrown: unknown) => (thrown as Error).name,
      );
    await createTable(client);
    await expect(createTable(client)).rejects.toMatchObject({ name: 'ResourceInUseException' });
    expect(await status()).toBe('CREATING');
    await clock.advance(300);
    expect(await status()).toBe('ACTIVE');
    await client.send(put('a'));
    await client.send(new DeleteTableCommand({ TableName: 'leases' }));
    await expect(client.send(put('b'))).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    expect(await status()).toBe('DELETING');
    await clock.advance(300);
    expect(await status()).toBe('ResourceNotFoundException');
    expect((await client.send(new ListTablesCommand())).TableNames).toEqual([]);
  });

  it('fills an index that it is given later, and refuses to be asked by it until then', async () => {
    const clock = new VirtualClock();
    const { client } = await setup({ backfillMillis: 300, clock });
    await createTable(client);
    await client.send(put('a', 'me'));
    await client.send(put('b'));
    await expect(client.send(ownedByMe)).rejects.toThrow('does not have the specified index');
    await client.send(addIndex);
    await expect(client.send(ownedByMe)).rejects.toThrow('Cannot read from backfilling global secondary index');
    await expect(client.send(addIndex)).rejects.toMatchObject({ name: 'LimitExceededException' });
    const keys = async () => (await client.send(ownedByMe)).Items?.map((item) => item['leaseKey']?.S);
    await clock.advance(300);
    expect(await keys()).toEqual(['a']);
    await client.send(put('b', 'me'));
    expect(await keys()).toHaveLength(2);
  });

  it('shows changes by its index after a while', async () => {
    const clock = new VirtualClock();
    const { client } = await setup({ indexLagMillis: 1_000, clock });
    await createTable(client);
    await client.send(addIndex);
    await client.send(put('a', 'me'));
    expect((await client.send(ownedByMe)).Count).toBe(0);
    await clock.advance(1_000);
    expect((await client.send(ownedByMe)).Count).toBe(1);
    await client.send(put('a', 'you'));
    expect((await client.send(ownedByMe)).Count).toBe(1);
    await clock.advance(1_000);
    expect((await client.send(ownedByMe)).Count).toBe(0);
  });

  it('refuses an owner that cannot be a key of its index', async () => {
    const { client } = await setup();
    await createTable(client);
    await client.send(addIndex);
    await expect(client.send(put('a', ''))).rejects.toMatchObject({ name: 'ValidationException' });
    const number = new PutItemCommand({ TableName: 'leases', Item: { leaseKey: { S: 'a' }, leaseOwner: { N: '1' } } });
    await expect(client.send(number)).rejects.toThrow('Type mismatch for Index Key leaseOwner');
  });

  it('refuses an item of more than 400 KB', async () => {
    const { client } = await setup();
    await createTable(client);
    const item = (length: number) =>
      new PutItemCommand({ TableName: 'leases', Item: { leaseKey: { S: 'a' }, text: { S: 'x'.repeat(length) } } });
    await client.send(item(409_600 - 13));
    await expect(client.send(item(409_600 - 12))).rejects.toThrow('Item size has exceeded');
  });

  it('counts the units that are billed', async () => {
    const { aws, client } = await setup();
    await createTable(client);
    await client.send(put('a'));
    await client.send(
      new UpdateItemCommand({
        TableName: 'leases',
        Key: { leaseKey: { S: 'a' } },
        UpdateExpression: 'SET filler = :x',
        ExpressionAttributeValues: { ':x': { S: 'x'.repeat(5_000) } },
      }),
    );
    const get = { TableName: 'leases', Key: { leaseKey: { S: 'a' } } };
    await client.send(new GetItemCommand(get));
    await client.send(new GetItemCommand({ ...get, ConsistentRead: true }));
    expect((await aws.stats()).tables).toEqual({ leases: { read: 1 + 2, write: 1 + 5 } });
  });

  it('tells the old item of a refused condition when it is asked to', async () => {
    const { client } = await setup();
    await createTable(client);
    await client.send(put('a', 'me'));
    const input = {
      ...put('a').input,
      ConditionExpression: 'attribute_not_exists(leaseKey)',
    };
    await expect(client.send(new PutItemCommand(input))).rejects.toMatchObject({
      name: 'ConditionalCheckFailedException',
      Item: undefined,
    });
    await expect(
      client.send(new PutItemCommand({ ...input, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })),
    ).rejects.toMatchObject({ Item: { leaseKey: { S: 'a' }, leaseOwner: { S: 'me' } } });
  });

  it('writes and reads several items at once, and transactions wholly or not at all', async () => {
    const { client } = await setup();
    await createTable(client);
    const Item = (leaseKey: string) => ({ leaseKey: { S: leaseKey } });
    await client.send(
      new BatchWriteItemCommand({
        RequestItems: { leases: ['a', 'b'].map((key) => ({ PutRequest: { Item: Item(key) } })) },
      }),
    );
    const TransactItems = [
      { Delete: { TableName: 'leases', Key: Item('a') } },
      { Put: { TableName: 'leases', Item: Item('b'), ConditionExpression: 'attribute_not_exists(leaseKey)' } },
    ];
    await expect(client.send(new TransactWriteItemsCommand({ TransactItems }))).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
    });
    const all = new BatchGetItemCommand({ RequestItems: { leases: { Keys: ['a', 'b', 'c'].map(Item) } } });
    expect((await client.send(all)).Responses?.['leases']).toHaveLength(2);
    await client.send(new TransactWriteItemsCommand({ TransactItems: TransactItems.slice(0, 1) }));
    expect((await client.send(all)).Responses?.['leases']).toEqual([Item('b')]);
  });

  it.each([
    ['overlap', 'SET a.b = :one, a = :one'],
    ['overlap', 'SET a = :one REMOVE a'],
    ['conflict', 'SET a.b = :one, a[0] = :one'],
    ['part of the key', 'SET leaseKey = :one'],
    ['Incorrect operand type', 'DELETE a :one'],
    ['Incorrect operand type', 'SET a = list_append(a, :one)'],
    ['can only be used once', 'SET a = :one SET b = :one'],
    ['does not exist in the item', 'SET a = b + :one'],
    ['invalid for update', 'SET a.b = :one'],
  ])('refuses an update: %s in %s', async (message, UpdateExpression) => {
    const { client } = await setup();
    await createTable(client);
    const update = new UpdateItemCommand({
      TableName: 'leases',
      Key: { leaseKey: { S: 'a' } },
      UpdateExpression,
      ...(UpdateExpression.includes(':one') ? { ExpressionAttributeValues: { ':one': { N: '1' } } } : {}),
    });
    await expect(client.send(update)).rejects.toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining(message),
    });
  });

  it('names what it does not have', async () => {
    const { client } = await setup();
    await createTable(client);
    const Key = { leaseKey: { S: 'a' } };
    const legacy = new UpdateItemCommand({ TableName: 'leases', Key, AttributeUpdates: {} });
    await expect(client.send(legacy)).rejects.toThrow('AttributeUpdates');
    const unknown = new UpdateItemCommand({ TableName: 'leases', Key, UpdateExpression: 'SET a = magic(b)' });
    await expect(client.send(unknown)).rejects.toThrow('magic');
    const reserved = new UpdateItemCommand({ TableName: 'leases', Key, UpdateExpression: 'REMOVE owner' });
    await expect(client.send(reserved)).rejects.toThrow('reserved keyword: owner');
    const broken = new UpdateItemCommand({ TableName: 'leases', Key, UpdateExpression: 'SET a = b ~ c' });
    await expect(client.send(broken)).rejects.toThrow('token: "~"');
  });
});
