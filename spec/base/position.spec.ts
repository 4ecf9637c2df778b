import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AT_TIMESTAMP,
  LATEST,
  type Position,
  SHARD_END,
  TRIM_HORIZON,
  comparePositions,
  formatPosition,
  isInitialSentinel,
  positionFromRow,
  positionOf,
  positionToRow,
} from '../../lib/base/position.ts';

const arbitraryPosition: fc.Arbitrary<Position> = fc.oneof(
  fc.constantFrom(AT_TIMESTAMP, TRIM_HORIZON, LATEST, SHARD_END),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 2n ** 186n }), fc.nat(500))
    .map(([sequenceNumber, subSequenceNumber]) => positionOf(sequenceNumber, subSequenceNumber)),
);

describe('comparePositions()', () => {
  it('orders as KCL does: AT_TIMESTAMP < TRIM_HORIZON < LATEST < any number < SHARD_END', () => {
    const ordered = [AT_TIMESTAMP, TRIM_HORIZON, LATEST, positionOf(0n), positionOf(2n ** 185n), SHARD_END];
    for (const [index, position] of ordered.entries()) {
      for (const [other, later] of ordered.entries()) {
        expect(Math.sign(comparePositions(position, later))).toBe(Math.sign(index - other));
      }
    }
  });

  it('compares sequence numbers as integers, not as text, and beyond what a number can hold', () => {
    expect(comparePositions(positionOf('9'), positionOf('10'))).toBeLessThan(0);
    const big = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898n;
    expect(comparePositions(positionOf(big), positionOf(big + 1n))).toBeLessThan(0);
  });

  it('breaks ties by the sub-sequence number', () => {
    expect(comparePositions(positionOf(5n, 1), positionOf(5n, 2))).toBeLessThan(0);
    expect(comparePositions(positionOf(5n, 2), positionOf(6n, 0))).toBeLessThan(0);
  });

  it('is a total order', () => {
    fc.assert(
      fc.property(arbitraryPosition, arbitraryPosition, arbitraryPosition, (a, b, c) => {
        expect(Math.sign(comparePositions(a, b))).toBe(-Math.sign(comparePositions(b, a)) + 0);
        if (comparePositions(a, b) <= 0 && comparePositions(b, c) <= 0) {
          expect(comparePositions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});

describe('the two texts of a row', () => {
  it('bring back the position that was written', () => {
    fc.assert(
      fc.property(arbitraryPosition, (position) => {
        const { checkpoint, subSequenceNumber } = positionToRow(position);
        expect(positionFromRow(checkpoint, subSequenceNumber)).toEqual(position);
      }),
    );
  });

  it('refuse a checkpoint that is neither digits nor one of the four names', () => {
    for (const checkpoint of ['', 'latest', '12x', '-1', '1.5', 'toString', '__proto__']) {
      expect(() => positionFromRow(checkpoint, 0)).toThrow(/MR_TABLE_FOREIGN.*neither a sequence number/);
    }
  });
});

describe('formatPosition()', () => {
  it('writes one word', () => {
    expect(formatPosition(positionOf(12n, 3))).toBe('12:3');
    expect(formatPosition(SHARD_END)).toBe('SHARD_END');
  });
});

describe('isInitialSentinel()', () => {
  it('is true for the places to start at, and for no other', () => {
    expect([AT_TIMESTAMP, TRIM_HORIZON, LATEST, positionOf(1n), SHARD_END].map(isInitialSentinel)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
