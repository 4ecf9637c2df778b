import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SHARD_END, comparePositions, formatPosition } from '../../lib/base/position.ts';
import type { Range } from '../../lib/block/range.ts';
import { FinishedPositions } from '../../lib/receiver/finished-positions.ts';
import { at, range } from './values.ts';

/** Ranges that follow each other from the start of the shard: (0, 10], (10, 20], ... */
function delivered(count: number): { positions: FinishedPositions; ranges: Range[] } {
  const positions = new FinishedPositions(at(0));
  const ranges = Array.from({ length: count }, (_, index) => range(index * 10, (index + 1) * 10));
  for (const one of ranges) positions.deliver(one);
  return { positions, ranges };
}

describe('FinishedPositions', () => {
  it('advances over contiguous acks only, in whatever order they come', () => {
    const { positions, ranges } = delivered(3);
    expect(positions.ack(ranges[2] as Range)).toBe(false);
    expect(positions.finished).toEqual(at(0));
    expect(positions.ack(ranges[0] as Range)).toBe(true);
    expect(positions.finished).toEqual(at(10));
    expect(positions.ack(ranges[1] as Range)).toBe(true);
    expect(positions.finished).toEqual(at(30));
    expect(positions.outstanding).toBe(0);
  });

  it('takes one ack for several ranges', () => {
    const { positions } = delivered(4);
    expect(positions.ack(range(10, 30))).toBe(false);
    expect(positions.ack(range(0, 10))).toBe(true);
    expect(positions.finished).toEqual(at(30));
    expect(positions.outstanding).toBe(1);
  });

  it('does not count a range that the ack holds only in part', () => {
    const { positions } = delivered(2);
    expect(positions.ack(range(0, 15))).toBe(true);
    expect(positions.finished).toEqual(at(10));
    expect(positions.ack(range(15, 20))).toBe(false);
    expect(positions.finished).toEqual(at(10));
  });

  it('counts records of one aggregate apart', () => {
    const positions = new FinishedPositions(at(0));
    const inside = { kind: 'SEQUENCE', sequenceNumber: 9n, subSequenceNumber: 4 } as const;
    positions.deliver(range(0, inside));
    positions.deliver(range(inside, 10));
    positions.ack(range(0, inside));
    expect(formatPosition(positions.finished)).toBe('9:4');
  });

  it('ends in SHARD_END once everything before it is finished', () => {
    const { positions, ranges } = delivered(2);
    positions.deliver(range(20, SHARD_END));
    positions.ack(range(20, SHARD_END));
    expect(positions.finished).toEqual(at(0));
    for (const one of ranges) positions.ack(one);
    expect(positions.finished).toEqual(SHARD_END);
  });

  it('refuses a range that does not begin where the last one ended', () => {
    const { positions } = delivered(1);
    expect(() => positions.deliver(range(11, 20))).toThrow('MR_INTERNAL');
    expect(() => positions.deliver(range(0, 20))).toThrow('does not begin at 10:0');
  });

  it('tells whether a commit would leave a gap', () => {
    const { positions, ranges } = delivered(3);
    expect(positions.isContiguous(range(0, 10))).toBe(true);
    expect(positions.isContiguous(range(0, 30))).toBe(true);
    expect(positions.isContiguous(range(10, 20))).toBe(false);
    positions.ack(ranges[0] as Range);
    expect(positions.isContiguous(range(10, 20))).toBe(true);
    expect(positions.isContiguous(range(0, 10))).toBe(true);
  });

  it('does not let a commit go beyond what was handed out', () => {
    const { positions } = delivered(1);
    expect(positions.isContiguous(range(0, 20))).toBe(false);
    expect(positions.isContiguous(range(0, SHARD_END))).toBe(false);
  });

  it('gives bytes back once, at the ack or at the drop', () => {
    const positions = new FinishedPositions(at(0));
    const released: string[] = [];
    const bytes = (name: string) => ({ settle() {}, release: () => void released.push(name) });
    positions.deliver(range(0, 10), bytes('first'));
    positions.deliver(range(10, 20), bytes('second'));
    positions.ack(range(0, 10));
    positions.ack(range(0, 10));
    positions.drop();
    positions.drop();
    expect(released).toEqual(['first', 'second']);
    expect(positions.outstanding).toBe(0);
    expect(positions.finished).toEqual(at(10));
  });

  it('never has a gap and never goes back, for any acks in any order', () => {
    const count = fc.integer({ min: 1, max: 12 });
    const acks = fc.array(fc.tuple(fc.nat(120), fc.nat(120)), { maxLength: 40 });
    fc.assert(
      fc.property(count, acks, (ranges, pairs) => {
        const { positions } = delivered(ranges);
        const finished = new Set<number>();
        let before = positions.finished;
        for (const [one, other] of pairs) {
          const [low, high] = one < other ? [one, other] : [other, one];
          positions.ack(range(low, high));
          for (let index = 0; index < ranges; index += 1) {
            if (index * 10 >= low && (index + 1) * 10 <= high) finished.add(index);
          }
          let contiguous = 0;
          while (finished.has(contiguous)) contiguous += 1;
          expect(positions.finished).toEqual(at(contiguous * 10));
          expect(positions.outstanding).toBe(ranges - contiguous);
          expect(comparePositions(positions.finished, before)).toBeGreaterThanOrEqual(0);
          before = positions.finished;
        }
      }),
    );
  });
});
