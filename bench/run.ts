import { runAssignmentBench } from './assignment.ts';

/** `npm run bench -- NAME [options]`: one benchmark, by name. */
const benches: Readonly<Record<string, (args: readonly string[]) => string>> = { assignment: runAssignmentBench };

const [name = '', ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  process.stderr.write(`bench: no benchmark ${JSON.stringify(name)}; there is ${Object.keys(benches).join(', ')}\n`);
  process.exitCode = 2;
} else process.stdout.write(bench(args));
