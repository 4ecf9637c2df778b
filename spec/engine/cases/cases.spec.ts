import { describe, expect, it } from 'vitest';
import { readCases } from './case-file.ts';
import { alterCase, judgeCase } from './judge.ts';
import { notApplicable } from './not-run.ts';
import { caseTable } from './table.ts';

const rows = readCases();
const entries = Object.entries(caseTable);
/** Programs wait for states, not for times; this is for a loaded machine. */
const limitMillis = 120_000;

describe("rows of Spark's own tests", () => {
  it.each(entries)('%s gives what Spark gives', { timeout: limitMillis }, async (id, entry) => {
    expect(await judgeCase(rows.get(id)!, entry)).toBeUndefined();
  });

  it.each(entries)('%s fails when one expected value is another', { timeout: limitMillis }, async (id, entry) => {
    expect(await judgeCase(alterCase(rows.get(id)!, entry), entry)).toEqual(expect.any(String));
  });

  it('are all accounted for, each once: run, or not applicable for a reason', () => {
    const listed = [...Object.keys(caseTable), ...Object.keys(notApplicable)];
    expect(listed.toSorted()).toEqual([...rows.keys()].toSorted());
    expect(entries.length).toBeGreaterThanOrEqual(120);
  });
});
