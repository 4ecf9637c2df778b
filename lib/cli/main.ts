import { run } from '@stricli/core';
import type { Environment } from '../app/config/environment.ts';
import { pause } from '../base/clock.ts';
import { buildMillrace } from './application.ts';
import type { CommandContext, CommandIo } from './command-io.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { isClosedOutput } from './line-output.ts';
import { errorForPerson, errorForProgram } from './render/error.ts';

/**
 * Runs the command line: arguments without the program's name in, exit code out. Prints what went wrong as one line
 * on stderr, as JSON where `--json` was given. A reader of the output that goes away is no fault.
 */
export async function main(argv: readonly string[], env: Environment, io: CommandIo): Promise<number> {
  // A reader that goes away must not end a run that works; what it means for the records, the command decides.
  io.stderr.on('error', () => {});
  io.stdout.on('error', () => {});
  const faults: unknown[] = [];
  const context: CommandContext = {
    process: {
      stdout: { write: (text) => io.stdout.write(text) },
      // What the parser writes here are the errors that it has reported as well.
      stderr: { write: () => {} },
    },
    io,
    env,
    behindDashes: argv.length - beforeDashes(argv).length - (argv.includes('--') ? 1 : 0),
  };
  try {
    await run(await buildMillrace(argv, (thrown) => faults.push(thrown)), argv, context);
  } catch (thrown) {
    faults.push(thrown);
  }
  if (faults.length > 0) {
    const [fault] = faults;
    if (isClosedOutput(fault)) return exitCodes.done;
    await writeError(io, wantsJson(argv) ? errorForProgram(fault) : errorForPerson(fault));
    return exitCodeOf(fault);
  }
  return context.process.exitCode ?? exitCodes.done;
}

/** `--json` behind `--` belongs to another program. */
function wantsJson(argv: readonly string[]): boolean {
  return beforeDashes(argv).includes('--json');
}

function beforeDashes(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

/** How long a terminal or pipe may take for the error line; the process ends after it. */
const errorLineMillis = 1_000;

async function writeError(io: CommandIo, line: string): Promise<void> {
  const written = new AbortController();
  io.stderr.write(line, () => written.abort());
  await pause(io.clock, errorLineMillis, written.signal);
}
