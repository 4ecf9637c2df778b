/**
 * How many times as many runs each of the long random tests makes as in an ordinary test run: 1, or what
 * `MILLRACE_TEST_RUNS` says. `npm run test:deep` sets it. Not every number of runs passes through here, only those that
 * were a matter of patience: there are always more seeds than anybody tries, and an ordinary run takes other ones each time.
 */
const factor = factorOf(process.env['MILLRACE_TEST_RUNS']);

/** How many runs, or seeds, where an ordinary run takes that many. */
export function runs(ordinary: number): number {
  return ordinary * factor;
}

/** The time limit of a test whose number of runs is `runs(...)`, where that of an ordinary run is so many milliseconds. */
export function limitOfRuns(ordinaryMillis: number): number {
  return ordinaryMillis * factor;
}

function factorOf(text: string | undefined): number {
  if (text === undefined || text === '') return 1;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`MILLRACE_TEST_RUNS is "${text}"; give a whole number of at least 1, such as 10`);
  }
  return value;
}
