import { expect, it } from 'vitest';
import { closingLines } from './closing-reporter.ts';

it('says passed and failed in a plain line', () => {
  expect(closingLines({ passed: 12, failed: 1, skipped: [] })).toEqual(['12 passed, 1 failed']);
});

it('names every skipped test before the closing line and counts them in it', () => {
  expect(closingLines({ passed: 1, failed: 0, skipped: ['a.spec.ts > is skipped'] })).toEqual([
    'skipped: a.spec.ts > is skipped',
    '1 passed, 0 failed, 1 skipped',
  ]);
});
