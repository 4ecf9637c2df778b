import { describe, expect, it } from 'vitest';
import { AdvancedTally, advancedFaults, advancedText } from './demo/advanced-tally.ts';

/** A tally of three batches of a second, with windows of two. */
function tally(counts: readonly (readonly [string, number])[], lastWindow = 3) {
  const made = new AdvancedTally(2_000);
  made.noteProduced(['the', 'mill', 'the']);
  made.noteProduced(['the', 'weir']);
  for (const [time, words] of [
    [1_000, 2],
    [2_000, 0],
    [3_000, 3],
  ] as const) {
    made.noteBatch(time, words);
  }
  made.noteWindow(2_000, 2);
  made.noteWindow(3_000, lastWindow);
  made.noteCounts(counts);
  return made;
}

const right = [
  ['the', 3],
  ['mill', 1],
  ['weir', 1],
] as const;

describe('the tally of the advanced demo', () => {
  it('is content when every word is counted once and every window holds its batches', () => {
    const { figures, isComplete } = tally(right);
    expect(isComplete).toBe(true);
    expect(figures).toMatchObject({ produced: 5, counted: 5, missing: 0, repeated: 0, windows: 2, windowsWrong: 0 });
    expect(advancedFaults(figures)).toEqual([]);
    expect(advancedText(figures, [])).toContain('good: every word');
  });

  it.each([
    [[['the', 3]], 3, '2 words are missing from the running counts'],
    [[['the', 5], ...right.slice(1)], 3, '2 words are counted too often'],
    [
      [
        ['mill', 1],
        ['the', 3],
        ['weir', 1],
      ],
      3,
      'the first words are not in the order of their counts',
    ],
    [right, 5, '1 of 2 windows do not hold what their batches brought'],
  ] as const)('says what is wrong: %j, window %i', (counts, lastWindow, fault) => {
    const { figures } = tally(counts, lastWindow);
    expect(advancedFaults(figures)).toEqual([fault]);
  });

  it('does not call nothing good', () => {
    expect(advancedFaults(new AdvancedTally(1_000).figures)).toEqual(['nothing was produced', 'no window was given']);
  });
});
