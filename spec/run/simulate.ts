import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { jsonLine } from '../../lib/base/json-line.ts';
import { drawEngineSetup } from '../../lib/testkit/engine/engine-setup.ts';
import { simulateEngine } from '../../lib/testkit/engine/engine-simulator.ts';
import { simulate as simulateSeed } from '../../lib/testkit/simulator.ts';
import { drawSetup } from '../../lib/testkit/faults.ts';
import { chooseSeeds, currentCommit } from './simulate/choose-seeds.ts';
import { engineMutants } from './simulate/engine-mutants.ts';
import { type Mutant, mutants } from './simulate/mutants.ts';
import { measureTable, tableText } from './simulate/figures/table.ts';
import { type SimulateRunOptions, parseSimulateOptions, simulateHelp } from './simulate/options.ts';
import { countsText, edgeNames, engineFaultNames, failureText, faultNames, mutantText } from './simulate/report.ts';
import { mutantOptions } from './simulate/mutant-hook.ts';
import { root, runAgain, runSeeds } from './simulate/run-seeds.ts';
import { type SeedReport, sumCounts } from './simulate/seed-report.ts';
import { type MutantVerdict, mutantSeeds, tryMutants } from './simulate/try-mutants.ts';

// `npm run simulate`: fleets, or applications with an engine, under faults drawn from seeds. See `--help`.

/** With fewer seeds some rare fault or edge may not occur. */
const seedsForCoverage = 500;

async function main(args: readonly string[]): Promise<number> {
  const request = parseSimulateOptions(args, availableParallelism());
  switch (request.tag) {
    case 'help':
      process.stdout.write(simulateHelp);
      return 0;
    case 'refused':
      process.stderr.write(`${request.message}\n${simulateHelp}`);
      return 2;
    case 'run':
      if (request.options.table) return runTable(request.options);
      return runSeed(request.options);
  }
}

async function runSeed(options: SimulateRunOptions): Promise<number> {
  const { seed, mutant } = options;
  if (seed === undefined) return runAll(options);
  if (mutant === undefined) return runOne(seed, options);
  // The mutant must be there before the library is loaded.
  const [{ edits } = { edits: [] }] = chosenMutants(options);
  const passed = [
    '--seed',
    String(seed),
    ...(options.engine ? ['--engine'] : []),
    ...(options.trace ? ['--trace'] : []),
    ...(options.json ? ['--json'] : []),
  ];
  return runAgain(mutantOptions(root, edits), passed);
}

/** One seed, in this process, with what was drawn and the trace. */
async function runOne(seed: number, options: SimulateRunOptions): Promise<number> {
  const { trace, json } = options;
  const say = sayerOf(json);
  if (options.engine) return runOneEngine(seed, options, say);
  say(`seed ${seed} has drawn: ${JSON.stringify(drawSetup(seed), undefined, 2)}`);
  const result = await simulateSeed(seed, trace ? { onLine: say } : {});
  const { broken = null, events, traceHash, tail, setup } = result;
  const [faults, edges] = [Object.fromEntries(result.faults), Object.fromEntries(result.edges)];
  const report = { seed, broken, events, traceHash, faults, edges, simulatedMillis: result.simulatedMillis };
  if (broken !== null) say(failureText({ ...report, setup, tail: trace ? [] : tail }));
  const failures = broken === null ? 0 : 1;
  finish({ seeds: 1, failures, events, mutants: 0, mutantsCaught: 0, faults, edges, traceHash });
  return failures;
}

async function runOneEngine(seed: number, { trace }: SimulateRunOptions, say: (text: string) => void): Promise<number> {
  say(`seed ${seed} has drawn: ${JSON.stringify(drawEngineSetup(seed), undefined, 2)}`);
  const result = await simulateEngine(seed, trace ? { onLine: say } : {});
  const { broken = null, events, traceHash, tail, setup, commits, simulatedMillis } = result;
  const faults = Object.fromEntries(result.faults);
  const report = { seed, broken, events, traceHash, faults, edges: {}, simulatedMillis, commits };
  if (broken !== null) say(failureText({ ...report, setup, tail: trace ? [] : tail }));
  const failures = broken === null ? 0 : 1;
  finish({ seeds: 1, failures, events, commits, mutants: 0, mutantsCaught: 0, faults, traceHash });
  return failures;
}

/** The figures, and the exit code: 1 when one of them is over its budget. */
async function runTable({ seeds, json }: SimulateRunOptions): Promise<number> {
  const lines = await measureTable(seeds, (text) => void process.stderr.write(`${text}\n`));
  if (json) finish({ seeds, figures: lines });
  else process.stdout.write(tableText(lines));
  return lines.every((line) => line.withinBudget) ? 0 : 1;
}

async function runAll(options: SimulateRunOptions): Promise<number> {
  const say = sayerOf(options.json);
  const isAll = options.mutant === undefined && !options.onlyMutants;
  const reports = isAll ? await runAllSeeds(options, say) : [];
  const verdicts = await tryMutants(chosenMutants(options), { jobs: options.jobs }, (verdict) =>
    say(mutantText(verdict)),
  );
  const { engine } = options;
  const faults = sumCounts(
    engine ? engineFaultNames : faultNames,
    reports.map((report) => report.faults),
  );
  const edges = sumCounts(
    engine ? [] : edgeNames,
    reports.map((report) => report.edges),
  );
  const failed = reports.filter((report) => report.broken !== null);
  if (reports.length > 0) {
    say(`${countsText('faults', faults)}\n${engine ? '' : countsText('edges of a shard', edges)}`);
  }
  const caught = verdicts.filter((verdict) => verdict.caughtBy !== undefined);
  finish({
    seeds: reports.length,
    failures: failed.length,
    events: reports.reduce((sum, report) => sum + report.events, 0),
    mutants: verdicts.length,
    mutantsCaught: caught.length,
    faults,
    ...(engine ? { commits: reports.reduce((sum, report) => sum + (report.commits ?? 0), 0) } : { edges }),
    traceHash: hashOf(reports),
    failedSeeds: failed.map(({ seed, broken }) => ({ seed, broken })),
    missedMutants: missed(verdicts),
  });
  const lacks = reports.length >= seedsForCoverage && Object.values({ ...faults, ...edges }).includes(0);
  return failed.length > 0 || caught.length < verdicts.length || lacks ? 1 : 0;
}

async function runAllSeeds(options: SimulateRunOptions, say: (text: string) => void): Promise<readonly SeedReport[]> {
  const salt = options.salt ?? currentCommit();
  const seeds = chooseSeeds(options.seeds, salt);
  say(`${seeds.length} seeds, every fifth drawn from ${salt}`);
  let done = 0;
  return runSeeds(seeds, options, (report) => {
    done += 1;
    if (report.broken !== null) say(failureText(report));
    if (done % 100 === 0) say(`${done} seeds`);
  });
}

function chosenMutants({ mutants: all, mutant, engine }: SimulateRunOptions): readonly Mutant[] {
  const known = engine ? engineMutants : mutants;
  if (mutant === undefined) return all ? known : [];
  const chosen = known.filter(({ name }) => name === mutant);
  if (chosen.length > 0) return chosen;
  throw new Error(`no mutant ${JSON.stringify(mutant)}; there are ${known.map(({ name }) => name).join(', ')}`);
}

function missed(verdicts: readonly MutantVerdict[]): readonly string[] {
  return verdicts
    .filter((verdict) => verdict.caughtBy === undefined)
    .map(({ name, fault }) => `${name}: ${fault ?? `not caught within ${mutantSeeds} seeds`}`);
}

/** One hash over the traces of all seeds, in their order. */
function hashOf(reports: readonly SeedReport[]): string {
  const hash = createHash('sha256');
  for (const { seed, traceHash } of reports) hash.update(`${seed} ${traceHash}\n`);
  return hash.digest('hex').slice(0, 16);
}

/** With `--json` all but the last line goes to standard error. */
function sayerOf(json: boolean): (text: string) => void {
  const stream = json ? process.stderr : process.stdout;
  return (text) => void stream.write(`${text}\n`);
}

function finish(summary: object): void {
  process.stdout.write(`${jsonLine(summary)}\n`);
}

process.exitCode = await main(process.argv.slice(2));
