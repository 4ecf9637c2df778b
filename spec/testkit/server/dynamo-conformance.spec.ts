import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaseTableSuite } from '../../../lib/testkit/conformance/lease-table-suite.ts';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import { RawTables, rawLease } from '../../lease/dynamo/raw-table.ts';

let tables: RawTables;

beforeAll(async () => {
  const aws = await startFakeAws();
  const stop = () => aws.stop();
  tables = RawTables.on({ endpoint: aws.endpoint, stop, pid: process.pid, [Symbol.asyncDispose]: stop });
});

afterAll(async () => {
  await tables[Symbol.asyncDispose]();
});

describe('the lease table over the fake AWS', () => {
  const cases = leaseTableSuite({
    createTable() {
      const raw = tables.next();
      return Promise.resolve({ table: raw.table, seed: (lease) => raw.put(rawLease(lease)) });
    },
  });

  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
