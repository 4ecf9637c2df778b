import { jsonLine } from '../../../lib/base/json-line.ts';
import { simulate } from '../../../lib/testkit/simulator.ts';
import type { ChildTask, SeedReport } from './seed-report.ts';

// Runs seeds and prints a line of JSON for each. Argument: the task as JSON.

const task = JSON.parse(process.argv[2] ?? '') as ChildTask;
// Errors are made by the thousand here, and nobody reads their stacks.
Error.stackTraceLimit = 0;

for (const seed of task.seeds) {
  const result = await simulate(seed);
  const report: SeedReport = {
    seed,
    broken: result.broken ?? null,
    events: result.events,
    traceHash: result.traceHash,
    faults: Object.fromEntries(result.faults),
    edges: Object.fromEntries(result.edges),
    simulatedMillis: Math.round(result.simulatedMillis),
    ...(result.broken === undefined ? {} : { tail: result.tail, setup: result.setup }),
  };
  process.stdout.write(`${jsonLine(report)}\n`);
  if (result.broken !== undefined && task.stopAtFailure) break;
}
