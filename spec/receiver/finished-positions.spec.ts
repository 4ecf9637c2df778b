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
    const bytes = (name: string) => ({ bytes: 5, settle() {}, release: () => void released.push(name) });
    positions.deliver(range(0, 10), bytes('first'));
    positions.deliver(range(10, 20), bytes('second'));
    expect(positions.bytes).toBe(10);
    positions.ack(range(0, 10));
    positions.ack(range(0, 10));
    expect(positions.bytes).toBe(5);
    positions.dropAll();
    expect(positions.bytes).toBe(0);
    positions.dropAll();
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

  it('frees what is processed without finishing it, and finishes inside a range', () => {
    const { positions, ranges } = delivered(3);
    for (const one of ranges.slice(0, 2)) positions.processed(one);
    expect(positions.outstanding).toBe(1);
    expect(positions.finished).toEqual(at(0));
    expect(positions.finishThrough(at(5))).toBe(true);
    expect(positions.finished).toEqual(at(5));
    expect(positions.finishThrough(at(5))).toBe(false);
    expect(positions.finishThrough(at(3))).toBe(false);
    positions.finishThrough(at(25));
    expect(positions.finished).toEqual(at(25));
    expect(positions.outstanding).toBe(1);
    positions.ack(ranges[2] as Range);
    expect(positions.finished).toEqual(at(30));
    expect(() => positions.finishThrough(at(31))).toThrow('MR_INTERNAL');
  });

  it('keeps no list of what is processed and never finished', () => {
    const { positions, ranges } = delivered(1);
    positions.processed(ranges[0] as Range);
    for (let index = 1; index < 20_000; index += 1) {
      const one = range(index * 10, (index + 1) * 10);
      positions.deliver(one);
      positions.processed(one);
    }
    expect(positions.outstanding).toBe(0);
    positions.finishThrough(at(199_995));
    expect(positions.finished).toEqual(at(199_995));
  });

  it('never has a gap, never goes back and gives every byte back once, for any mix of acks, of what is processed and of checkpoints', () => {
    const step = fc.record({
      kind: fc.constantFrom('ack', 'processed', 'through', 'deliver'),
      low: fc.nat(120),
      high: fc.nat(120),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, isLost) => {
        const positions = new FinishedPositions(at(0));
        let count = 0;
        let held = 0;
        // The model: which of the places 1 to 10 x count are finished.
        const done = new Set<number>();
        let before = positions.finished;
        for (const { kind, low: one, high: other } of steps) {
          const [low, high] = one < other ? [one, other] : [other, one];
          if (kind === 'deliver' && count < 12) {
            held += 1;
            let isOut = true;
            const release = () => {
              expect(isOut).toBe(true);
              isOut = false;
              held -= 1;
            };
            positions.deliver(range(count * 10, (count + 1) * 10), { bytes: 1, settle() {}, release });
            count += 1;
          }
          if (kind === 'processed') positions.processed(range(low, high));
          if (kind === 'ack') positions.ack(range(low, high));
          if (kind === 'through') {
            const isBeyond = high > count * 10;
            if (isBeyond) expect(() => positions.finishThrough(at(high))).toThrow('MR_INTERNAL');
            else positions.finishThrough(at(high));
            for (let place = 1; !isBeyond && place <= high; place += 1) done.add(place);
          }
          expect(comparePositions(positions.finished, before)).toBeGreaterThanOrEqual(0);
          expect(comparePositions(positions.finished, positions.through)).toBeLessThanOrEqual(0);
          before = positions.finished;
          expect(positions.bytes).toBe(held);
          expect(positions.outstanding).toBeGreaterThanOrEqual(0);
          // Whatever was said to be finished up to here is.
          const last = Math.max(0, ...done);
          if (kind === 'through') expect(comparePositions(positions.finished, at(last))).toBeGreaterThanOrEqual(0);
        }
        if (isLost) positions.dropAll();
        else positions.finishThrough(positions.through);
        expect(held).toBe(0);
        expect(positions.outstanding).toBe(0);
        expect(positions.finished).toEqual(isLost ? before : at(count * 10));
      }),
    );
  });
});
