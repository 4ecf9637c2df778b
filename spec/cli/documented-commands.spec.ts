import { describe, expect, it } from 'vitest';
import { type CommandTable, commandTable, isGroup } from '../../lib/cli/command-table.ts';
import { readDocuments } from '../tidy/source.ts';

/** A line `millrace ...` of a document, in a fence or in the text. */
interface Documented {
  readonly file: string;
  readonly words: readonly string[];
}

function documentedCommands(): Documented[] {
  return readDocuments()
    .filter(({ path }) => path !== 'CHANGELOG.md')
    .flatMap(({ path, text }) => {
      const fences = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, body = '']) => body.split('\n'));
      const spans = [...text.matchAll(/(?<!`)`([^`\n]+)`(?!`)/g)].map(([, span = '']) => span);
      return [...fences, ...spans].flatMap((line) => {
        // `millrace x`, `npx millrace x`, `npm run --silent millrace -- x`; in a pipe, each of its parts.
        return line.split('|').flatMap((part) => {
          const [, rest] = /^\s*(?:npx |npm run --silent )?millrace (?:-- )?([a-z][^#]*)/.exec(part) ?? [];
          return rest === undefined ? [] : [{ file: path, words: rest.trim().split(/\s+/) }];
        });
      });
    });
}

/** What is wrong with a line: a command or a flag that there is none of. */
async function faultOf({ file, words }: Documented): Promise<string[]> {
  let table: CommandTable = commandTable;
  for (const [index, word] of words.entries()) {
    const entry = table[word];
    if (entry === undefined) return [`${file}: millrace ${words.join(' ')}: no command ${word}`];
    if (isGroup(entry)) {
      table = entry.commands;
      continue;
    }
    const { flagNames } = await entry.load();
    const own =
      words
        .slice(index + 1)
        .join(' ')
        .split(' -- ')[0] ?? '';
    return [...own.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)]
      .map(([, flag = '']) => flag)
      .filter((flag) => flag !== 'help' && !flagNames.includes(flag))
      .map((flag) => `${file}: millrace ${words.join(' ')}: no flag --${flag}`);
  }
  return [];
}

describe('the commands of the documents', () => {
  const commands = documentedCommands();

  it('are many', () => {
    expect(commands.length).toBeGreaterThan(10);
    expect(commands.map(({ words }) => words[0])).toContain('seek');
  });

  it('have names and flags that the command line has', async () => {
    expect((await Promise.all(commands.map(faultOf))).flat()).toEqual([]);
  });

  it('would be found out', async () => {
    const found = await Promise.all(
      ['seek --too 2h', 'lease --json', 'consume --exec x -- --own'].map((line) =>
        faultOf({ file: 'x', words: line.split(' ') }),
      ),
    );
    expect(found.map((faults) => faults.length)).toEqual([1, 1, 0]);
  });
});
