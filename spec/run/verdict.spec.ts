import { describe, expect, it } from 'vitest';
import type { LedgerFigures } from './demo/ledger.ts';
import { exitCodeOf, judge, verdictText } from './demo/verdict.ts';

const good: LedgerFigures = {
  produced: 6_000,
  counted: 6_000,
  missing: 0,
  repeated: 0,
  unacknowledged: 0,
  words: 45_000,
  wordsCounted: 45_000,
  wordsDiffering: 0,
};

function verdictOf(figures: Partial<LedgerFigures>, faults: readonly string[] = [], chaos = false) {
  return judge({
    options: { seconds: 20, rate: 300, shards: 4, workers: 2, seed: 7, advanced: false, chaos, ui: false, json: true },
    figures: { ...good, ...figures },
    incidents: chaos ? ['at 5.0 s worker 2 was killed'] : [],
    batches: 160,
    startMillis: 2_000.4,
    firstCountMillis: undefined,
    faults,
  });
}

describe('the verdict', () => {
  it('is good when every record was counted once, and tells all figures', () => {
    const verdict = verdictOf({});
    expect(exitCodeOf(verdict)).toBe(0);
    expect(verdict).toEqual({
      produced: 6_000,
      counted: 6_000,
      missing: 0,
      repeated: 0,
      unacknowledged: 0,
      words: 45_000,
      wordsCounted: 45_000,
      shards: 4,
      workers: 2,
      seconds: 20,
      rate: 300,
      seed: 7,
      batches: 160,
      startMillis: 2_000,
      firstCountMillis: null,
      incidents: [],
      faults: [],
    });
    expect(verdictText(verdict)).toBe(
      'records   produced 6,000   counted 6,000   missing 0   repeated 0\n' +
        'words     produced 45,000   counted 45,000\n' +
        '4 shards, 2 workers, 20 s, 160 batches\n' +
        'good: every record was counted once\n',
    );
  });

  it.each([
    [{ counted: 5_999, missing: 1 }, "1 of 6,000 records did not reach a worker's output"],
    [{ repeated: 1 }, '1 record came again'],
    [{ unacknowledged: 2 }, '2 records came that no answer of PutRecords had named'],
    [
      { wordsCounted: 44_998, wordsDiffering: 2 },
      '44,998 words were counted, 45,000 were produced; the counts of 2 words differ',
    ],
    [{ wordsDiffering: 2 }, '45,000 words were counted, 45,000 were produced; the counts of 2 words differ'],
    [{ produced: 0, counted: 0, words: 0, wordsCounted: 0 }, 'no record was produced'],
  ])('is bad with %j, and says why', (figures, fault) => {
    const verdict = verdictOf(figures);
    expect(verdict.faults).toEqual([fault]);
    expect(exitCodeOf(verdict)).toBe(1);
    expect(verdictText(verdict)).toContain(`bad: ${fault}\n`);
  });

  it('holds repeated records against a run with a kill, too', () => {
    const figures = { repeated: 7, wordsCounted: 45_050, wordsDiffering: 3 };
    for (const chaos of [false, true]) {
      expect(verdictOf(figures, [], chaos).faults[0]).toBe('7 records came again');
      expect(exitCodeOf(verdictOf(figures, [], chaos))).toBe(1);
    }
    expect(verdictText(verdictOf({}, [], true))).toContain(
      'at 5.0 s worker 2 was killed\ngood: every record was counted once',
    );
  });

  it('names what ended the demo rather than what followed from it', () => {
    const verdict = verdictOf({ counted: 0, missing: 6_000, wordsDiffering: 9 }, ['worker 2 ended unexpectedly']);
    expect(verdict).toMatchObject({ missing: 6_000, faults: ['worker 2 ended unexpectedly'] });
    expect(exitCodeOf(verdict)).toBe(1);
  });
});
