import {
  type AttributeValue,
  DynamoDBClient,
  ListTablesCommand,
  type ScanCommandOutput,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { testCredentials, testRegion } from '../support/local-stack.ts';

/** A row as DynamoDB answers it. */
export type Row = Readonly<Record<string, AttributeValue>>;

/** All rows of an application's tables, by table name without the application's. */
export type TableRows = Readonly<Record<string, readonly Row[]>>;

/** The suffixes of an application's tables: one in KCL 3.5, three in KCL 3.0 to 3.4. */
export const tableSuffixes = ['', '-WorkerMetricStats', '-CoordinatorState'] as const;

/** Reads an application's tables. */
export interface TableReader extends Disposable {
  /** The rows of every table that there is, `''` being the lease table; sorted by key; consistent reads. */
  rows(): Promise<TableRows>;
  /** The leases alone. */
  leases(): Promise<readonly Row[]>;
}

/** A reader of the tables of one application. */
export function createTableReader(endpoint: string, applicationName: string): TableReader {
  const client = new DynamoDBClient({ endpoint, region: testRegion, credentials: testCredentials });
  const scan = async (table: string) => {
    const rows: Row[] = [];
    let from: ScanCommandOutput['LastEvaluatedKey'];
    do {
      const answer: ScanCommandOutput = await client.send(
        new ScanCommand({
          TableName: table,
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      );
      rows.push(...(answer.Items ?? []));
      from = answer.LastEvaluatedKey;
    } while (from !== undefined);
    return rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  };
  const rows = async () => {
    const { TableNames = [] } = await client.send(new ListTablesCommand({}));
    const present = tableSuffixes.filter((suffix) => TableNames.includes(applicationName + suffix));
    const found = await Promise.all(present.map((suffix) => scan(applicationName + suffix)));
    return Object.fromEntries(present.map((suffix, index) => [suffix, found[index] ?? []]));
  };
  return {
    rows,
    leases: async () => ((await rows())[''] ?? []).filter(isLease),
    [Symbol.dispose]: () => client.destroy(),
  };
}

/** The value of a row's key, whatever the key's name is in its table. */
export function keyOf(row: Row): string {
  return (row['leaseKey'] ?? row['wid'] ?? row['key'])?.S ?? '';
}

/** Whether the row of a lease table is a lease: it says so or says nothing. */
export function isLease(row: Row): boolean {
  const entityType = row['entityType']?.S;
  return entityType === undefined || entityType === 'LEASE';
}
