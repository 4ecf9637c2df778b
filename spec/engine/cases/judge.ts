import { messageOf } from '../../../lib/base/error.ts';
import type { CaseEntry, CaseOutcome, CaseRow } from './case-file.ts';

/** Runs a row and compares what came out with what the row says. Resolves to what differs, `undefined` for nothing. */
export async function judgeCase(row: CaseRow, entry: CaseEntry): Promise<string | undefined> {
  const outcome = await runCase(row, entry);
  if (row.error !== undefined) return judgeError(entry, outcome);
  if (outcome.error !== undefined) return `threw ${messageOf(outcome.error)}`;
  const order = row.order ?? 'exact';
  for (const part of ['expected', 'expectedStateSnapshots'] as const) {
    if (row[part] === undefined) continue;
    const isRight = order === 'set' ? batchesAgree(row[part], outcome[part]) : agree(row[part], outcome[part]);
    if (!isRight)
      return `${part}: ${JSON.stringify(row[part])} was to be, ${JSON.stringify(plain(outcome[part]))} came`;
  }
  return undefined;
}

async function runCase(row: CaseRow, { run }: CaseEntry): Promise<CaseOutcome> {
  try {
    return await run(row);
  } catch (thrown) {
    return { error: thrown };
  }
}

function judgeError({ says }: CaseEntry, { error }: CaseOutcome): string | undefined {
  if (error === undefined) return 'nothing was thrown';
  if (says === undefined) return 'the row asks for an error, and its entry does not say which';
  return says.test(messageOf(error)) ? undefined : `threw ${messageOf(error)}, not ${says}`;
}

/** Batches in their order, the items of each in any. */
function batchesAgree(expected: unknown, actual: unknown): boolean {
  if (!Array.isArray(expected) || !Array.isArray(actual) || expected.length !== actual.length) return false;
  return expected.every((batch, index) => sameItems(batch, plain(actual[index])));
}

function sameItems(expected: unknown, actual: unknown): boolean {
  if (!Array.isArray(expected) || !Array.isArray(actual) || expected.length !== actual.length) {
    return agree(expected, actual);
  }
  const left = [...(actual as unknown[])];
  return expected.every((item) => {
    const at = left.findIndex((one) => agree(item, one));
    if (at !== -1) left.splice(at, 1);
    return at !== -1;
  });
}

/** Whether a value is what the row says. Rows say some things in words, such as `>= 0` or `contains "x"`. */
export function agree(expected: unknown, given: unknown): boolean {
  const actual = plain(given);
  if (typeof expected === 'number' && typeof actual === 'number') {
    if (Number.isInteger(expected) && Number.isInteger(actual)) return expected === actual;
    return Math.abs(expected - actual) <= 1e-6 * Math.max(1, Math.abs(expected));
  }
  if (typeof expected === 'string') return expected === actual || inWords(expected, actual);
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      expected.length === actual.length &&
      expected.every((item, index) => agree(item, actual[index]))
    );
  }
  if (expected === null || typeof expected !== 'object') return Object.is(expected, actual);
  if (actual === null || typeof actual !== 'object') return false;
  if (Object.keys(expected).length === 0) return Object.keys(actual).length === 0;
  return Object.entries(expected).every(([key, value]) => agree(value, (actual as Record<string, unknown>)[key]));
}

function inWords(expected: string, actual: unknown): boolean {
  if (expected === 'not null') return actual !== null;
  const contained = /^contains "(.*)"$/.exec(expected)?.[1];
  if (contained !== undefined) return typeof actual === 'string' && actual.includes(contained);
  const compared = /^(>=|<=|>|<) (-?[\d.]+)$/.exec(expected);
  if (compared === null || typeof actual !== 'number') return false;
  const [, sign, text] = compared;
  const bound = Number(text);
  if (sign === '>=') return actual >= bound;
  if (sign === '<=') return actual <= bound;
  return sign === '>' ? actual > bound : actual < bound;
}

/** What is not there is `null` in the file. */
function plain(value: unknown): unknown {
  return value === undefined ? null : value;
}

/** The row with one of its expected values changed; the test demands that it then fails. */
export function alterCase(row: CaseRow, { given = [] }: CaseEntry): CaseRow {
  if (row.error !== undefined) {
    const { error: _error, ...rest } = row;
    return { ...rest, expected: [] };
  }
  const altered = alterLeaf(row.expected, given);
  if (altered === undefined) throw new Error(`${row.id} expects nothing that can be altered`);
  return { ...row, expected: altered.value };
}

/** Changes the last value that can be changed, in a copy. */
function alterLeaf(value: unknown, given: readonly string[]): { readonly value: unknown } | undefined {
  if (Array.isArray(value)) {
    for (let index = value.length - 1; index >= 0; index -= 1) {
      const inside = alterLeaf(value[index], given);
      if (inside !== undefined) return { value: value.with(index, inside.value) as unknown };
    }
    return { value: [...(value as unknown[]), 'altered'] };
  }
  if (value !== null && typeof value === 'object') {
    if (Object.keys(value).length === 0) return { value: { altered: true } };
    for (const [key, one] of Object.entries(value).toReversed()) {
      if (given.includes(key)) continue;
      const inside = alterLeaf(one, given);
      if (inside !== undefined) return { value: { ...value, [key]: inside.value } };
    }
    return undefined;
  }
  if (typeof value === 'number') return { value: value + 1 };
  if (typeof value === 'boolean') return { value: !value };
  return { value: `altered ${String(value)}` };
}
