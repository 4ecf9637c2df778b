import { type Clock, systemClock } from '../../base/clock.ts';
import { AwsDynamo } from '../../lease/dynamo/aws-dynamo.ts';
import { clientsOf } from '../assembly.ts';
import type { Clients } from '../clients.ts';
import type { ConsumerSettings } from '../config/consumer-settings.ts';
import { DynamoEpochTable } from '../epoch-table.ts';
import { type LeaseTableSettings, createLeaseTable } from '../lease-table.ts';
import { DynamoStateTables, type StateTables } from './state-tables.ts';

/** The name of the table in which an application of `application` scope has its row. */
export const engineTableName = (applicationName: string): string => `${applicationName}-Engine`;

/** The tables in which an application has the pointers to its state; nothing is sent before they are asked. */
export function openStateTables(
  clients: Pick<Clients, 'dynamoDB'>,
  settings: LeaseTableSettings & { readonly applicationName: string },
  clock: Clock,
): StateTables {
  const { applicationName, tableName } = settings;
  const epochDynamo = new AwsDynamo(clients.dynamoDB, engineTableName(applicationName));
  return new DynamoStateTables({
    leaseDynamo: new AwsDynamo(clients.dynamoDB, tableName),
    leaseTable: createLeaseTable(clients, settings, clock),
    epochDynamo,
    epochTable: new DynamoEpochTable(epochDynamo, applicationName, clock),
  });
}

/** The tables of each stream that a program reads, by clients of their own. */
export class StreamTables implements AsyncDisposable {
  readonly #streams;

  constructor(inputs: readonly ConsumerSettings[]) {
    this.#streams = inputs.map((settings) => {
      const clients = clientsOf(settings);
      return { streamName: settings.streamName, clients, tables: openStateTables(clients, settings, systemClock) };
    });
  }

  /** In the order of the inputs. */
  get all(): readonly { readonly streamName: string; readonly tables: StateTables }[] {
    return this.#streams;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { clients } of this.#streams) clients.destroy();
  }
}
