import { CreateTableCommand, type DynamoDBClient, ScanCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { type DynamoSinkOptions, dynamoSink } from '../../lib/app/sinks/dynamo-sink.ts';
import type { SinkBench, SinkItem } from '../../lib/testkit/conformance/sink-suite.ts';
import { dynamoClient } from '../testkit/server/aws-clients.ts';
import { testCredentials, testRegion } from './local-stack.ts';

const access = { region: testRegion, credentials: testCredentials };
let tables = 0;

/** Makes a table with the key `pk`, and answers its name. */
export async function createTable(client: DynamoDBClient): Promise<string> {
  tables += 1;
  const TableName = `counts-${tables}`;
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { TableName });
  return TableName;
}

/** All rows of a table, by their key. */
export async function rowsOf(client: DynamoDBClient, TableName: string): Promise<Map<string, Record<string, unknown>>> {
  const rows = new Map<string, Record<string, unknown>>();
  let ExclusiveStartKey: Record<string, never> | undefined;
  do {
    const page = await client.send(
      new ScanCommand({ TableName, ConsistentRead: true, ...(ExclusiveStartKey && { ExclusiveStartKey }) }),
    );
    for (const row of page.Items ?? []) rows.set((row['pk'] ?? row['writer'])?.S ?? '', row);
    ExclusiveStartKey = page.LastEvaluatedKey as Record<string, never> | undefined;
  } while (ExclusiveStartKey !== undefined);
  return rows;
}

/** A sink on a table of a server, whatever DynamoDB it is. */
export function sinkOn<T>(endpoint: string, options: DynamoSinkOptions<T>) {
  return dynamoSink<T>({ ...access, dynamoDBEndpoint: endpoint, ...options });
}

/** What `sinkSuite` needs of a DynamoDB. */
export function dynamoSinkBench(endpoint: () => string): SinkBench {
  return {
    shows: 'keys',
    async createTarget() {
      const client = dynamoClient({ endpoint: endpoint() });
      const tableName = await createTable(client);
      let isFailing = false;
      return {
        open: () =>
          sinkOn<SinkItem>(endpoint(), {
            tableName,
            item: ([pk, value]) => {
              // DynamoDB takes no row of more than 400 KB: the transaction that this one is in is refused.
              const isTooLarge = isFailing && pk === 'key 200';
              if (isTooLarge) isFailing = false;
              return { pk, value: isTooLarge ? 'x'.repeat(500_000) : value };
            },
          }),
        failNextWrite: () => {
          isFailing = true;
        },
        shown: async () =>
          Array.from(await rowsOf(client, tableName), ([pk, row]): SinkItem => [pk, (row['value'] as { S: string }).S]),
      };
    },
  };
}
