import type { CaseRow, CaseTable } from './case-file.ts';
import { batches, ones, pairs, param } from './run-streams.ts';

const add = (a: number, b: number) => a + b;
const subtract = (a: number, b: number) => a - b;

const span = (row: CaseRow) => [param(row, 'windowMs'), param(row, 'slideMs')] as const;

const window = batches((s, row) => s.window(...span(row)));
const reduced = batches((s, row) => pairs(s).reduceByKeyAndWindow(add, ...span(row)));
const inverse = batches((s, row) => pairs(s).reduceByKeyAndWindow(add, subtract, ...span(row)));

/** Rows of WindowOperationsSuite. */
export const windowCases: CaseTable = {
  S040: window,
  S041: window,
  S042: window,
  S043: window,
  S045: reduced,
  S046: reduced,
  S047: reduced,
  S048: reduced,
  S049: reduced,
  S050: reduced,
  S051: inverse,
  S052: inverse,
  S053: inverse,
  S055: inverse,
  S057: batches((s, row) =>
    pairs(s).reduceByKeyAndWindow(add, subtract, ...span(row), { filter: (_key, value) => value !== 0 }),
  ),
  S058: batches((s, row) => pairs(s).groupByKeyAndWindow(...span(row))),
  S059: batches((s, row) => s.countByWindow(...span(row))),
  S060: batches((s, row) =>
    ones(s)
      .map(([x]) => x)
      .countByValueAndWindow(...span(row)),
  ),
};
