import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type OptionSpec, flagName } from '../../../lib/app/config/option.ts';
import { consumerOptionList } from '../../../lib/app/config/option-list.ts';

/** The row of an option: what it is, its default, its flag. */
function rowOf([option, spec]: [string, OptionSpec<unknown>]): string {
  const flag = spec.fromText === undefined ? 'a program only' : `\`--${flagName(option)}\``;
  return `| \`${option}\` | ${spec.brief} | ${spec.defaultText ?? ''} | ${flag} |`;
}

it('docs/options.md has one row for each option, in the order of the help, with its words, default and flag', () => {
  const document = readFileSync(new URL('../../../docs/options.md', import.meta.url), 'utf8');
  const rows = document.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows).toEqual(Object.entries<OptionSpec<unknown>>(consumerOptionList).map(rowOf));
});
