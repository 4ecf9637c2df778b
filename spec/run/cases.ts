import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/base/error.ts';
import { jsonLine } from '../../lib/base/json-line.ts';
import { readCases } from '../engine/cases/case-file.ts';
import { judgeCase } from '../engine/cases/judge.ts';
import { notApplicable } from '../engine/cases/not-run.ts';
import { caseTable } from '../engine/cases/table.ts';

// `npm run cases`: the rows of Spark's own tests that the engine is held to. See `--help`.

const help = `npm run cases -- [options]

Runs the rows of Spark's own test suites (spec/engine/cases/spark-cases.json) through the public API, and compares.

  --json   print the figures as one line of JSON, alone on standard output
  --help   show this

Exit codes: 0 all passed, 1 some did not, 2 the command line is wrong.
`;

async function main(args: readonly string[]): Promise<number> {
  let values: { json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    }));
  } catch (thrown) {
    process.stderr.write(`cases: ${messageOf(thrown)}\n${help}`);
    return 2;
  }
  if (values.help === true) {
    process.stdout.write(help);
    return 0;
  }
  const rows = readCases();
  const failed: { id: string; message: string }[] = [];
  const entries = Object.entries(caseTable);
  for (const [id, entry] of entries) {
    const row = rows.get(id);
    const message = row === undefined ? 'no such row' : await judgeCase(row, entry);
    if (message !== undefined) failed.push({ id, message });
    process.stderr.write(`${id} ${message === undefined ? 'passed' : `FAILED: ${message}`}\n`);
  }
  const passed = entries.length - failed.length;
  const left = Object.keys(notApplicable).length;
  // None waits any more; the field stays for whoever reads it.
  const figures = { run: entries.length, passed, notApplicable: left, waitingForRecovery: 0, failed };
  if (values.json === true) process.stdout.write(`${jsonLine(figures)}\n`);
  else {
    process.stdout.write(`${passed} of ${entries.length} rows passed; ${left} do not apply\n`);
  }
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
