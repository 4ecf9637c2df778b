import { hostname } from 'node:os';
import { type ExplainedOption, explainOptions } from '../../app/config/explain.ts';
import { systemRandom } from '../../base/random.ts';
import type { CommandContext } from '../command-io.ts';
import type { ConfigFlags } from '../definitions/config.ts';
import { sourcesOf } from '../options-of.ts';
import { type Canvas, type Cell, table } from '../render/table.ts';
import { show } from '../show.ts';

/** `millrace config --print`: every option, its value, and where it comes from. */
export async function config(this: CommandContext, flags: ConfigFlags): Promise<void> {
  const sources = await sourcesOf(this, flags);
  const machine = { random: systemRandom, hostname: hostname(), pid: process.pid };
  const all = explainOptions({ ...sources, ...machine });
  const options = flags.given === true ? all.filter(({ from }) => from !== 'default') : all;
  await show(this, flags.json ?? false, { lines: options, text: (canvas) => optionsTable(options, canvas) });
}

function optionsTable(options: readonly ExplainedOption[], canvas: Canvas): string {
  const rows = options.map(({ option, value, instead, from }): Cell[] => [
    option,
    value === undefined ? { text: instead ?? '-', tone: 'faint' } : String(value),
    from === 'default' ? { text: from, tone: 'faint' } : { text: from, tone: 'good' },
  ]);
  const columns = [{ title: 'option' }, { title: 'value', canShrink: true }, { title: 'from', canShrink: true }];
  return table(columns, rows, canvas);
}
