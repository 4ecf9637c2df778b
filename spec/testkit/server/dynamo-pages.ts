import {
  CreateTableCommand,
  type DynamoDBClient,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  ScanCommand,
  type ScanCommandInput,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';

const TableName = 'pages';

/** A table of 3 by 8 items with an index by another attribute, which every third item lacks. */
export async function createPages(client: DynamoDBClient): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'id', AttributeType: 'S' },
        { AttributeName: 'at', AttributeType: 'N' },
        { AttributeName: 'owner', AttributeType: 'S' },
        { AttributeName: 'kept', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'id', KeyType: 'HASH' },
        { AttributeName: 'at', KeyType: 'RANGE' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'byOwner',
          KeySchema: [
            { AttributeName: 'owner', KeyType: 'HASH' },
            { AttributeName: 'kept', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['left'] },
        },
      ],
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { TableName });
  for (const id of ['a', 'b', 'c']) {
    for (let at = -3; at < 5; at += 1) {
      const Item = { id: { S: id }, at: { N: `${at}` }, kept: { S: `${id}${at}` }, left: { BOOL: at > 0 } };
      const owner = at % 3 === 0 ? {} : { owner: { S: at % 2 === 0 ? 'me' : 'you' } };
      await client.send(new PutItemCommand({ TableName, Item: { ...Item, ...owner } }));
    }
  }
}

const byId = {
  KeyConditionExpression: '#id = :id',
  ExpressionAttributeNames: { '#id': 'id' },
  ExpressionAttributeValues: { ':id': { S: 'b' } },
} satisfies Partial<QueryCommandInput>;

const byOwner = {
  IndexName: 'byOwner',
  KeyConditionExpression: '#owner = :owner',
  ExpressionAttributeNames: { '#owner': 'owner' },
  ExpressionAttributeValues: { ':owner': { S: 'me' } },
} satisfies Partial<QueryCommandInput>;

const rangeOf = (condition: string, values: Record<string, string>): Partial<QueryCommandInput> => ({
  KeyConditionExpression: `#id = :id AND ${condition}`,
  ExpressionAttributeNames: { '#id': 'id', '#at': 'at' },
  ExpressionAttributeValues: {
    ':id': { S: 'b' },
    ...Object.fromEntries(Object.entries(values).map(([name, N]) => [name, { N }])),
  },
});

/** Queries that answer in an order that is told, or are refused. */
export const queries: Readonly<Record<string, Partial<QueryCommandInput>>> = {
  'of a hash key': byId,
  backward: { ...byId, ScanIndexForward: false },
  'of two items, with a key to go on': { ...byId, Limit: 2 },
  'backward behind a key': {
    ...byId,
    Limit: 3,
    ScanIndexForward: false,
    ExclusiveStartKey: { id: { S: 'b' }, at: { N: '2' } },
  },
  'behind a key that is not there': { ...byId, ExclusiveStartKey: { id: { S: 'b' }, at: { N: '1.5' } } },
  'exactly as many as there are': { ...byId, Limit: 8 },
  'of a range': rangeOf('#at BETWEEN :low AND :high', { ':low': '-1', ':high': '2' }),
  'of lesser ones': rangeOf('#at < :low', { ':low': '0' }),
  'of greater or equal ones': rangeOf('#at >= :low', { ':low': '3' }),
  'of one': rangeOf('#at = :low', { ':low': '3' }),
  'by the index, of one key only once': { ...byOwner, Limit: 1 },
  'by an index that is not there': { ...byOwner, IndexName: 'none' },
  'by the index, consistently': { ...byOwner, ConsistentRead: true },
  'with a filter, counted after the limit': {
    ...byId,
    Limit: 6,
    FilterExpression: '#left = :yes',
    ExpressionAttributeNames: { '#id': 'id', '#left': 'left' },
    ExpressionAttributeValues: { ':id': { S: 'b' }, ':yes': { BOOL: true } },
  },
  'of some attributes': {
    ...byId,
    ProjectionExpression: '#at, kept',
    ExpressionAttributeNames: { '#id': 'id', '#at': 'at' },
  },
  'of counts': { ...byId, Select: 'COUNT' },
  'without a hash key': {
    KeyConditionExpression: '#at = :at',
    ExpressionAttributeNames: { '#at': 'at' },
    ExpressionAttributeValues: { ':at': { N: '1' } },
  },
  'of two hash keys': { ...byId, KeyConditionExpression: '#id = :id OR #id = :id' },
  'of something else than the key': {
    KeyConditionExpression: '#id = :id AND kept = :id',
    ExpressionAttributeNames: { '#id': 'id' },
    ExpressionAttributeValues: { ':id': { S: 'b' } },
  },
  'with an unused name': { ...byId, ExpressionAttributeNames: { '#id': 'id', '#unused': 'x' } },
  'with an unused value': { ...byId, ExpressionAttributeValues: { ':id': { S: 'b' }, ':unused': { S: 'x' } } },
  'with an undefined name': { ...byId, ExpressionAttributeNames: {} },
  'with a broken condition': { ...byId, KeyConditionExpression: '#id = = :id' },
  'behind a key of another shape': { ...byId, ExclusiveStartKey: { id: { S: 'b' } } },
  'of nothing': { ...byId, ExpressionAttributeValues: { ':id': { S: 'nobody' } } },
  'with a limit of 0': { ...byId, Limit: 0 },
};

/** Scans whose pages together are told, since their order is not. */
export const scans: Readonly<Record<string, Partial<ScanCommandInput>>> = {
  'of everything': {},
  'of pages of five': { Limit: 5 },
  'of one segment of one': { Segment: 0, TotalSegments: 1 },
  'of the index': { IndexName: 'byOwner', Limit: 4 },
  'with a filter': {
    FilterExpression: 'attribute_exists(#owner) AND #left <> :no',
    ExpressionAttributeNames: { '#owner': 'owner', '#left': 'left' },
    ExpressionAttributeValues: { ':no': { BOOL: false } },
    Limit: 7,
  },
};

/** A query's whole answer, or the name of its refusal. */
export async function query(client: DynamoDBClient, input: Partial<QueryCommandInput>): Promise<unknown> {
  try {
    const { Items, Count, ScannedCount, LastEvaluatedKey } = await client.send(
      new QueryCommand({ TableName, ...input }),
    );
    return { Items, Count, ScannedCount, LastEvaluatedKey };
  } catch (thrown) {
    return (thrown as Error).name;
  }
}

/** All items of all pages of a scan, in the order of their texts, and how many were looked at. */
export async function scan(client: DynamoDBClient, input: Partial<ScanCommandInput>): Promise<unknown> {
  const items: string[] = [];
  let scanned = 0;
  let ExclusiveStartKey: ScanCommandInput['ExclusiveStartKey'];
  do {
    const page = await client.send(new ScanCommand({ TableName, ...input, ExclusiveStartKey }));
    for (const item of page.Items ?? [])
      items.push(
        JSON.stringify(
          Object.entries(item)
            .map((member) => JSON.stringify(member))
            .sort(),
        ),
      );
    scanned += page.ScannedCount ?? 0;
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey !== undefined);
  return { items: items.toSorted(), scanned };
}
