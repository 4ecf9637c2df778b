import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DynamoEpochTable } from '../../../lib/app/epoch-table.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import { AwsDynamo } from '../../../lib/lease/dynamo/aws-dynamo.ts';
import { epochTableSuite } from '../../../lib/testkit/conformance/epoch-table-suite.ts';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import { RawTables } from './raw-table.ts';

const never = new AbortController().signal;

async function fakeTables(): Promise<RawTables> {
  const aws = await startFakeAws();
  const stop = () => aws.stop();
  return RawTables.on({ endpoint: aws.endpoint, stop, pid: process.pid, [Symbol.asyncDispose]: stop });
}

describe.each([
  ['the emulator', () => RawTables.start()],
  ['the fake AWS', fakeTables],
])('the row of an application on %s', (_, start) => {
  let tables: RawTables;
  let applications = 0;

  beforeAll(async () => {
    tables = await start();
  });

  afterAll(() => tables[Symbol.asyncDispose]());

  const cases = epochTableSuite({
    createTable: () => {
      applications += 1;
      const dynamo = new AwsDynamo(tables.client, 'shared-Engine');
      return Promise.resolve(new DynamoEpochTable(dynamo, `application ${applications}`, systemClock));
    },
  });

  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('is not read where another program has written, nor opened in a table of another key', async () => {
    const dynamo = new AwsDynamo(tables.client, 'foreign-Engine');
    const table = new DynamoEpochTable(dynamo, 'counts', systemClock);
    await table.open(never);
    const always = { conditionExpression: 'attribute_not_exists(#x)', names: { '#x': 'x' }, values: {} };
    await dynamo.putItem({ applicationName: { S: 'counts' }, note: { S: 'mine' } }, always, never);
    await expect(table.read(never)).rejects.toMatchObject({ code: 'MR_TABLE_FOREIGN' });
    const raw = tables.next();
    await raw.table.open(never);
    const wrong = new DynamoEpochTable(new AwsDynamo(tables.client, raw.tableName), 'counts', systemClock);
    await expect(wrong.open(never)).rejects.toMatchObject({ code: 'MR_TABLE_FOREIGN' });
  });
});
