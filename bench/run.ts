import { runBench } from './dispatch.ts';
import { benches } from './table.ts';

// `npm run bench -- NAME [options]`: one benchmark, by name. See `--help`.

process.exitCode = await runBench(process.argv.slice(2), benches, {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
});
