import { jsonLine } from '../base/json-line.ts';
import type { CommandContext, TerminalStream } from './command-io.ts';
import type { Environment } from '../app/config/environment.ts';
import { LineOutput } from './line-output.ts';
import { colors, plain } from './render/palette.ts';
import type { Canvas } from './render/table.ts';

/**
 * Where a text is drawn: colours and a width only where it is a terminal. `NO_COLOR` with any value takes the colours away
 * (no-color.org), and so does a terminal that calls itself `dumb`.
 */
export function canvasOf(stream: TerminalStream, env: Environment): Canvas {
  if (stream.isTTY !== true) return { palette: plain };
  const isPlain = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return { columns: stream.columns, palette: isPlain ? plain : colors };
}

/** What a command found out, for both kinds of readers. */
export interface Finding {
  /** One JSON line each. */
  readonly lines: readonly object[];
  /** The text for a person. */
  readonly text: (canvas: Canvas) => string;
}

/**
 * Prints a finding on standard output: as JSON lines, or for a person.
 * @throws what `LineOutput.write` throws
 */
export async function show({ io, env }: CommandContext, json: boolean, { lines, text }: Finding): Promise<void> {
  const shown = json ? lines.map((line) => `${jsonLine(line)}\n`).join('') : text(canvasOf(io.stdout, env));
  await new LineOutput(io.stdout).write(shown);
}
