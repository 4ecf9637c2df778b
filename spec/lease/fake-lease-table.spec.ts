import { describe, expect, it } from 'vitest';
import { leaseTableSuite } from '../../lib/testkit/conformance/lease-table-suite.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';

describe('FakeLeaseTable as a lease table', () => {
  const cases = leaseTableSuite({
    createTable() {
      const table = new FakeLeaseTable();
      return Promise.resolve({ table, seed: (lease) => Promise.resolve(table.putRow(lease)) });
    },
  });

  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
