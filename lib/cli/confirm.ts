import { createInterface } from 'node:readline/promises';
import { MillraceError } from '../base/error.ts';
import { escapeControl } from '../base/text.ts';
import type { CommandContext } from './command-io.ts';

/**
 * Refuses a command that changes something where nobody can be asked and nobody has agreed beforehand. Called before
 * anything is sent.
 * @throws MillraceError `MR_CONFIG_INVALID` without a terminal and without `--yes`
 */
export function needsTerminalOrYes({ io }: CommandContext, what: string, yes: boolean): void {
  if (yes || (io.stdin.isTTY === true && io.stderr.isTTY === true)) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${what}, and there is no terminal to ask on: give --yes to agree beforehand`,
    { subject: { option: 'yes' } },
  );
}

/** Asks on the terminal; only y and yes agree, and an input that ends does not. */
export async function agrees({ io }: CommandContext, question: string): Promise<boolean> {
  io.stderr.write(`${escapeControl(question)} [y/N] `);
  const lines = createInterface({ input: io.stdin });
  try {
    const answer = await new Promise<string>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(''));
    });
    return /^\s*y(?:es)?\s*$/i.test(answer);
  } finally {
    lines.close();
  }
}
