import type { Check, CheckResult } from '../../app/doctor/check.ts';
import { escapeControl } from '../../base/text.ts';
import type { Tone } from './palette.ts';
import type { Canvas } from './table.ts';

const marks: Readonly<Record<CheckResult, { readonly text: string; readonly tone: Tone }>> = {
  ok: { text: 'ok     ', tone: 'good' },
  warning: { text: 'warning', tone: 'warning' },
  failed: { text: 'failed ', tone: 'bad' },
  skipped: { text: 'skipped', tone: 'faint' },
};

/** The names stand in a column of this width; longer ones push what follows. */
const nameWidth = 36;

/** One check as a line; what was found goes to further lines where the terminal is too narrow. */
export function checkLine({ area, name, result, detail }: Check, { columns, palette }: Canvas): string {
  const { text, tone } = marks[result];
  const head = `${area.padEnd(11)}  ${escapeControl(name).padEnd(nameWidth)}  `;
  const indent = text.length + 2 + head.length;
  const width = columns === undefined ? Infinity : Math.max(20, columns - indent);
  const [first = '', ...more] = wrapped(escapeControl(detail), width);
  const lines = [`${palette.tone(tone, text)}  ${head}${first}`, ...more.map((line) => ' '.repeat(indent) + line)];
  return `${lines.join('\n')}\n`;
}

/** How many checks came out how. */
export function checksSummary(made: readonly Check[], { palette }: Canvas): string {
  const count = (result: CheckResult) => made.filter((one) => one.result === result).length;
  const failed = count('failed');
  const text = `${count('ok')} ok, ${count('warning')} warnings, ${failed} failed, ${count('skipped')} skipped`;
  return `${palette.tone(failed > 0 ? 'bad' : 'good', text)}\n`;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  // A name that is longer than a line, such as an ARN, goes over several.
  const pieces = new RegExp(`.{1,${Math.min(width, 10_000)}}`, 'gsu');
  for (const word of text.split(' ').flatMap((one) => one.match(pieces) ?? [])) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length > width && line !== '') {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  lines.push(line);
  return lines;
}
