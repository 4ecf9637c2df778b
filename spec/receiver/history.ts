import { formatRange } from '../../lib/block/range.ts';
import { comparePositions } from '../../lib/base/position.ts';
import type { Block } from '../../lib/block/block.ts';
import type { Fleet } from './fleet.ts';

/**
 * What a history must never hold: blocks of one tenure out of order or with a gap, a tenure older than one that was seen,
 * or a record of a child before every record of its parents was acked by somebody.
 */
export function historyFaults(fleet: Fleet): readonly string[] {
  const faults: string[] = [];
  const last = new Map<string, Block>();
  const acked = new Map<string, Set<string>>();
  const parents = new Map(fleet.table.rows.map((row) => [row.leaseKey, row.parentShardIds]));
  const begun = new Set<string>();
  for (const step of fleet.history) {
    const { block } = step;
    if (step.type === 'acked') {
      const done = acked.get(block.shardId) ?? new Set<string>();
      for (const record of block.records) done.add(record.sequenceNumber);
      acked.set(block.shardId, done);
      continue;
    }
    const name = formatRange(block.range);
    const key = `${block.shardId}@${block.tenure}`;
    const before = last.get(key);
    if (before !== undefined && comparePositions(block.range.after, before.range.through) !== 0) {
      faults.push(`${name} does not follow ${formatRange(before.range)}`);
    }
    last.set(key, block);
    let end = block.range.after;
    for (const record of block.records) {
      if (comparePositions(record.position, end) <= 0)
        faults.push(`${name} holds ${record.sequenceNumber} out of order`);
      end = record.position;
    }
    if (block.records.length > 0 && !begun.has(block.shardId)) {
      begun.add(block.shardId);
      for (const parent of parents.get(block.shardId) ?? []) {
        const left = fleet.produced.filter(
          (put) => put.shardId === parent && acked.get(parent)?.has(put.sequenceNumber) !== true,
        );
        if (left.length > 0)
          faults.push(`${block.shardId} began before ${left.length} records of ${parent} were acked`);
      }
    }
  }
  return faults;
}
