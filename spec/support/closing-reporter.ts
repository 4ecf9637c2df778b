import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

/** What the closing line says. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  /** Full names of the tests that did not run. */
  readonly skipped: readonly string[];
}

/** The last lines of a run: one line per skipped test, then `N passed, N failed` and `, N skipped` when there are any. */
export function closingLines(totals: Totals): string[] {
  const skips = totals.skipped.length === 0 ? '' : `, ${totals.skipped.length} skipped`;
  return [
    ...totals.skipped.map((name) => `skipped: ${name}`),
    `${totals.passed} passed, ${totals.failed} failed${skips}`,
  ];
}

/**
 * Adds up a run. A file that could not be loaded, or whose hooks threw, and an error outside every test count as one
 * failure each: they have no test case of their own, and a run with them is not a pass.
 */
export function countTotals(testModules: readonly TestModule[], unhandledErrors: number): Totals {
  const cases: TestCase[] = testModules.flatMap((module) => [...module.children.allTests()]);
  const suites = testModules.flatMap((module) => [module, ...module.children.allSuites()]);
  const state = (wanted: string) => cases.filter((test) => test.result().state === wanted);
  const brokenSuites = suites.filter((suite) => suite.errors().length > 0).length;
  return {
    passed: state('passed').length,
    failed: state('failed').length + brokenSuites + unhandledErrors,
    skipped: [...state('skipped'), ...state('pending')].map(
      (test) => `${test.module.relativeModuleId} > ${test.fullName}`,
    ),
  };
}

/** Ends the output of a run with a plain line that a script can read. */
export default class ClosingReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    for (const line of closingLines(countTotals(testModules, unhandledErrors.length))) console.log(line);
  }
}
