import { readFileSync } from 'node:fs';

/** One row of the study of Spark's own tests: facts and figures, as the file gives them. */
export interface CaseRow {
  readonly id: string;
  readonly suite: string;
  readonly kind: string;
  readonly test: string;
  readonly operation: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly input?: unknown;
  readonly input2?: unknown;
  readonly expected?: unknown;
  readonly expectedStateSnapshots?: unknown;
  readonly error?: string;
  readonly order?: 'set' | 'exact';
}

/** Every row of the file, by id. */
export function readCases(): ReadonlyMap<string, CaseRow> {
  const text = readFileSync(new URL('spark-cases.json', import.meta.url), 'utf8');
  const { cases } = JSON.parse(text) as { readonly cases: readonly CaseRow[] };
  return new Map(cases.map((row) => [row.id, row]));
}

/** What came of running a row, in the shape of its `expected`. */
export interface CaseOutcome {
  readonly expected?: unknown;
  readonly expectedStateSnapshots?: unknown;
  /** The error that the row asks for: whatever was thrown. */
  readonly error?: unknown;
}

/** Runs a row through the public API: input and parameters are the row's, the function is written by hand. */
export type CaseRunner = (row: CaseRow) => Promise<CaseOutcome> | CaseOutcome;

/** Runners by id. `given` are the names of fields of `expected` that tell what to do, not what comes out. */
export interface CaseEntry {
  readonly run: CaseRunner;
  readonly given?: readonly string[];
  /** What the error must say; for rows that ask for one. */
  readonly says?: RegExp;
}

/** Runners by row id. */
export type CaseTable = Readonly<Record<string, CaseEntry>>;
