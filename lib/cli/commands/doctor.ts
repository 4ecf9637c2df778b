import type { Check } from '../../app/doctor/check.ts';
import { MillraceError } from '../../base/error.ts';
import { jsonLine } from '../../base/json-line.ts';
import type { CommandContext } from '../command-io.ts';
import type { DoctorFlags } from '../definitions/doctor.ts';
import { exitCodeOf, exitCodes } from '../exit-code.ts';
import { LineOutput } from '../line-output.ts';
import { optionsOf } from '../options-of.ts';
import { checkLine, checksSummary } from '../render/checks.ts';
import { canvasOf } from '../show.ts';

/** Stands for no application; a table of this name is not looked for. */
const noApplication = 'millrace-without-application';

/** `millrace doctor`: everything that a consumer needs, one check after the other; each is printed when it is made. */
export async function doctor(this: CommandContext, flags: DoctorFlags): Promise<void> {
  const { applicationName, ...options } = await optionsOf(this, flags, {
    fallback: { applicationName: noApplication },
  });
  const { examine } = await import('../../app/doctor/doctor.ts');
  const { io, env } = this;
  const output = new LineOutput(io.stdout);
  const canvas = canvasOf(io.stdout, env);
  const application = applicationName === noApplication ? {} : { applicationName };
  const made: Check[] = [];
  for await (const one of examine({ ...options, ...application }, new AbortController().signal)) {
    made.push(one);
    await output.write(flags.json === true ? `${jsonLine(one)}\n` : checkLine(one, canvas));
  }
  if (flags.json !== true) await output.write(checksSummary(made, canvas));
  this.process.exitCode = exitCodeOfChecks(made);
}

function exitCodeOfChecks(made: readonly Check[]): number {
  const failed = made.find(({ result }) => result === 'failed');
  if (failed === undefined) return exitCodes.done;
  return failed.code === undefined ? exitCodes.failed : exitCodeOf(new MillraceError(failed.code, failed.detail));
}
