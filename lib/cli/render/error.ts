import { isMillraceError, messageOf } from '../../base/error.ts';
import { jsonLine } from '../../base/json-line.ts';
import { escapeControl } from '../../base/text.ts';
import { exitCodeOf } from '../exit-code.ts';

/** An error as one line for a person: the message names the thing, the value and the remedy. */
export function errorForPerson(thrown: unknown): string {
  return `millrace: ${escapeControl(messageOf(thrown))}\n`;
}

/** An error as one line of JSON for a program: level, code, message, subject and the exit code that follows. */
export function errorForProgram(thrown: unknown): string {
  const known = isMillraceError(thrown);
  return `${jsonLine({
    level: 'error',
    code: known ? thrown.code : 'MR_INTERNAL',
    msg: messageOf(thrown),
    subject: known ? thrown.subject : {},
    exitCode: exitCodeOf(thrown),
  })}\n`;
}
