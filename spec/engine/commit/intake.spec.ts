import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Position, TRIM_HORIZON, SHARD_END, comparePositions, positionOf } from '../../../lib/base/position.ts';
import { type IntakeMark, judgeRange } from '../../../lib/engine/commit/intake.ts';

const at = (number: number, sub = 0): Position => positionOf(BigInt(number), sub);
const range = (after: Position, through: Position, tenure = 2) => ({ shardId: 's', tenure, after, through });

describe('a range at the intake', () => {
  const mark: IntakeMark = { position: at(160), tenure: 2 };

  it('is accepted when it begins where the accepted records end', () => {
    expect(judgeRange(mark, range(at(160), at(170)))).toEqual({ tag: 'accept' });
    expect(judgeRange({ position: TRIM_HORIZON, tenure: 2 }, range(TRIM_HORIZON, at(1)))).toEqual({ tag: 'accept' });
  });

  it('is dropped when all of it was accepted before, the end of the shard included', () => {
    expect(judgeRange(mark, range(at(140), at(160)))).toEqual({ tag: 'drop' });
    expect(judgeRange({ position: SHARD_END, tenure: 2 }, range(at(170), SHARD_END))).toEqual({ tag: 'drop' });
  });

  it('loses its head when a part of it was accepted before', () => {
    expect(judgeRange(mark, range(at(140), at(170)))).toEqual({ tag: 'cut', after: at(160) });
  });

  it('is a hole when it begins behind the mark', () => {
    expect(judgeRange(mark, range(at(161), at(170)))).toEqual({ tag: 'hole', mark: at(160), after: at(161) });
  });

  it('is refused when it was read in another tenure, an older or a newer one', () => {
    expect(judgeRange(mark, range(at(160), at(170), 1))).toEqual({ tag: 'stale' });
    expect(judgeRange(mark, range(at(160), at(170), 3))).toEqual({ tag: 'stale' });
  });

  it('is cut between two user records of one aggregate', () => {
    const inside = { position: at(200, 2), tenure: 2 };
    expect(judgeRange(inside, range(at(190), at(200, 4)))).toEqual({ tag: 'cut', after: at(200, 2) });
    expect(judgeRange(inside, range(at(190), at(200, 2)))).toEqual({ tag: 'drop' });
  });

  it('lets every record in exactly once, however ranges repeat and overlap, and none across a hole', () => {
    const offers = fc.array(
      fc.record({ after: fc.nat(40), length: fc.integer({ min: 1, max: 12 }), stale: fc.boolean() }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(offers, (given) => {
        let position: Position = at(0);
        const accepted: number[] = [];
        for (const { after, length, stale } of given) {
          const offered = range(at(after), at(after + length), stale ? 1 : 2);
          const verdict = judgeRange({ position, tenure: 2 }, offered);
          const known = accepted.length;
          if (stale) expect(verdict.tag).toBe('stale');
          else if (after > known) expect(verdict.tag).toBe('hole');
          if (verdict.tag !== 'accept' && verdict.tag !== 'cut') continue;
          const from = verdict.tag === 'cut' ? verdict.after : offered.after;
          for (let number = after + 1; number <= after + length; number += 1) {
            if (comparePositions(at(number), from) > 0) accepted.push(number);
          }
          position = offered.through;
        }
        expect(accepted).toEqual(accepted.map((_, index) => index + 1));
      }),
    );
  });
});
