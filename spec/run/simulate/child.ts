import { jsonLine } from '../../../lib/base/json-line.ts';
import { simulateEngine } from '../../../lib/testkit/engine/engine-simulator.ts';
import { simulate } from '../../../lib/testkit/simulator.ts';
import type { ChildTask, SeedReport } from './seed-report.ts';

// Runs seeds and prints a line of JSON for each. Argument: the task as JSON.

const task = JSON.parse(process.argv[2] ?? '') as ChildTask;
// Errors are made by the thousand here, and nobody reads their stacks.
Error.stackTraceLimit = 0;

async function simulateSeed(seed: number): Promise<SeedReport> {
  const result = task.engine ? { ...(await simulateEngine(seed)), edges: [] } : await simulate(seed);
  return {
    seed,
    broken: result.broken ?? null,
    events: result.events,
    traceHash: result.traceHash,
    faults: Object.fromEntries(result.faults),
    edges: Object.fromEntries(result.edges),
    simulatedMillis: Math.round(result.simulatedMillis),
    ...('commits' in result ? { commits: result.commits } : {}),
    ...(result.broken === undefined ? {} : { tail: result.tail, setup: result.setup }),
  };
}

for (const seed of task.seeds) {
  const report = await simulateSeed(seed);
  process.stdout.write(`${jsonLine(report)}\n`);
  if (report.broken !== null && task.stopAtFailure) break;
}
