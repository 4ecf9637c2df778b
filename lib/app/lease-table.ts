import type { Clock } from '../base/clock.ts';
import { AwsDynamo } from '../lease/dynamo/aws-dynamo.ts';
import { CoordinationRows } from '../lease/dynamo/coordination-tables.ts';
import { DynamoLeaseTable } from '../lease/dynamo/dynamo-lease-table.ts';
import type { Clients } from './clients.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { isTableName } from './config/identity-options.ts';

/** The settings that say which tables an application has. */
export type LeaseTableSettings = Pick<
  ConsumerSettings,
  'tableName' | 'coordinationTables' | 'coordinatorStateTableName' | 'workerMetricsTableName'
>;

/** The lease table of an application, with the tables of KCL 3.0 to 3.4 beside it where they are to be used. */
export function createLeaseTable(
  { dynamoDB }: Pick<Clients, 'dynamoDB'>,
  settings: LeaseTableSettings,
  clock: Clock,
): DynamoLeaseTable {
  const { tableName, coordinatorStateTableName, workerMetricsTableName, coordinationTables } = settings;
  const open = (name: string) => new AwsDynamo(dynamoDB, name);
  const leases = open(tableName);
  // The names are made of the application's; where that is too long for it, there can be no such tables.
  const canBeLegacy = isTableName(coordinatorStateTableName) && isTableName(workerMetricsTableName);
  const rows = new CoordinationRows(
    { single: leases, coordinatorState: open(coordinatorStateTableName), workerMetrics: open(workerMetricsTableName) },
    canBeLegacy ? coordinationTables : 'single',
  );
  return new DynamoLeaseTable(leases, rows, clock);
}
