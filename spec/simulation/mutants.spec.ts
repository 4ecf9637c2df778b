import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineMutants } from '../run/simulate/engine-mutants.ts';
import { type Mutant, mutants } from '../run/simulate/mutants.ts';
import { root } from '../run/simulate/run-seeds.ts';
import { tryMutants } from '../run/simulate/try-mutants.ts';

/** How often each text of a mutant is in its file, earlier edits of the same mutant applied. */
function placesOf({ edits }: Mutant): readonly number[] {
  const sources = new Map<string, string>();
  return edits.map(({ file, find, replace }) => {
    const parts = (sources.get(file) ?? readFileSync(path.join(root, file), 'utf8')).split(find);
    sources.set(file, parts.join(replace));
    return parts.length - 1;
  });
}

describe('the mutants', () => {
  it('are at least 16, and have names of their own', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(16);
    expect(engineMutants.length).toBeGreaterThanOrEqual(12);
    const all = [...mutants, ...engineMutants];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it.each([...mutants, ...engineMutants].map((mutant) => [mutant.name, mutant] as const))(
    'replace texts that are there exactly once: %s',
    (_, mutant) => {
      expect(placesOf(mutant)).toEqual(mutant.edits.map(() => 1));
    },
  );
});

describe('a try of mutants', () => {
  const file = 'lib/lease/leader-elector.ts';
  const find = "if (lock === undefined) return this.#take({ type: 'absent' }, signal);";

  it('catches a bug, tells of a text that is not there, and finds nothing in code that does the same', async () => {
    const tried: readonly Mutant[] = [
      { name: 'nobody-leads', edits: [{ file, find, replace: 'if (lock === undefined) return;' }] },
      { name: 'no-such-text', edits: [{ file, find: 'no such text', replace: '' }] },
      { name: 'no-bug', edits: [{ file, find, replace: `/* the same */ ${find}` }] },
    ];
    const verdicts = await tryMutants(tried, { jobs: 2, seeds: 3 }, () => {});
    const byName = new Map(verdicts.map((verdict) => [verdict.name, verdict]));
    expect(byName.get('nobody-leads')?.caughtBy?.broken).toMatch(/./);
    expect(byName.get('no-such-text')?.fault).toContain("the mutant's text is there 0 times");
    expect(byName.get('no-bug')).toMatchObject({ caughtBy: undefined, fault: undefined, seeds: 3 });
  }, 120_000);
});
