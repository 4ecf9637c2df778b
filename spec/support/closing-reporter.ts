import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node';
import { checkAwsCalls } from './check-aws-calls.ts';

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

/**
 * Ends the output of a run with a plain line that a script can read. Before it, compares the calls of AWS that the run has seen
 * with docs/iam.md; what does not fit counts as one test that failed.
 */
export default class ClosingReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  async onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): Promise<void> {
    const totals = countTotals(testModules, unhandledErrors.length);
    const differences = await this.#differences(testModules);
    for (const difference of differences) console.log(`permissions: ${difference}`);
    const failed = totals.failed + (differences.length === 0 ? 0 : 1);
    if (failed > 0) process.exitCode = 1;
    for (const line of closingLines({ ...totals, failed })) console.log(line);
  }

  async #differences(testModules: readonly TestModule[]): Promise<readonly string[]> {
    const vitest = this.#vitest;
    if (vitest === undefined) return [];
    const folder = vitest.getRootProject().getProvidedContext().awsCalls;
    const all = await vitest.globTestSpecifications();
    const run = new Set(testModules.map(({ project, moduleId }) => `${project.name} ${moduleId}`));
    const missing = new Set(
      all.filter(({ project, moduleId }) => !run.has(`${project.name} ${moduleId}`)).map(({ project }) => project.name),
    );
    const isPart = vitest.config.testNamePattern !== undefined;
    const whole = isPart
      ? []
      : [...new Set(all.map(({ project }) => project.name))].filter((name) => !missing.has(name));
    return checkAwsCalls(folder, whole);
  }
}
