import { describe, expect, it } from 'vitest';
import { rowFromItem } from '../../lib/lease/dynamo/lease-item.ts';
import { type TableLayout, rowFaults } from './row-check.ts';
import { type RecordedVersion, recordedLayouts, recordedMoments } from './recorded-rows.ts';
import { type Row, isLease } from './tables.ts';

describe.each(Object.keys(recordedLayouts) as RecordedVersion[])('the recorded rows of KCL %s', (version) => {
  const moments = recordedMoments(version);
  const layout = recordedLayouts[version];

  it('were recorded at every moment', () => {
    expect(Object.keys(moments)).toEqual(['created', 'prepared', 'reading', 'split', 'handoff', 'shared', 'stopped']);
  });

  it.each(Object.entries(moments))('have no fault at the moment "%s"', (_name, tables) => {
    expect(rowFaults(tables, layout)).toEqual([]);
  });

  it('are leases that Millrace can read', () => {
    const leases = Object.values(moments).flatMap((tables) => (tables[''] ?? []).filter(isLease));
    expect(leases.map((row) => rowFromItem(row as Parameters<typeof rowFromItem>[0], 'app').kind)).toEqual(
      leases.map(() => 'lease'),
    );
  });
});

describe('rowFaults', () => {
  const tables = recordedMoments('3.5.1')['shared'] ?? {};
  const [leader = {}, , java = {}, , lease = {}] = tables[''] ?? [];
  const faults = (row: Row, layout: TableLayout = 'single') => rowFaults({ '': [row] }, layout);

  it('finds what Java could not read', () => {
    expect(faults({ ...lease, leaseCounter: { S: '1' } })).toHaveLength(1);
    expect(faults({ ...lease, leaseOwner: { S: '' } })).toHaveLength(1);
    expect(faults({ ...lease, parentShardId: { S: 'shardId-000000000000' } })).toHaveLength(1);
    expect(faults({ ...lease, checkpoint: { S: 'HERE' } })).toHaveLength(1);
    expect(faults({ ...lease, endingHashKey: { S: '0' } })).toHaveLength(1);
    expect(faults({ ...lease, entityType: { S: 'MILLRACE' } })).toHaveLength(1);
    expect(faults({ ...leader, leaseDuration: { N: '5000' } })).toHaveLength(1);
    expect(faults({ ...java, opr: { M: { C: { L: [{ N: '99.5' }] } } } })).toHaveLength(1);
    expect(faults({ ...java, opr: { M: {} } })).toHaveLength(1);
  });

  it('finds a row in a table where 3.1.3 has no place for it', () => {
    expect(faults(leader, 'legacy')).not.toEqual([]);
    expect(rowFaults({ ...tables, '-CoordinatorState': [] }, 'single')).toEqual([
      'there is a table *-CoordinatorState',
    ]);
  });
});
