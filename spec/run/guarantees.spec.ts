import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseChaosOptions } from './chaos/options.ts';
import { castingsOf, scenarios } from './chaos/scenarios/all.ts';

const text = readFileSync('docs/guarantees.md', 'utf8');

interface Figures {
  readonly scenario: string;
  readonly missing: number;
  readonly outOfOrder: number;
  readonly repeated: number;
  readonly repeatedBound: number;
  readonly pauseMillis: number;
  readonly pauseBoundMillis: number;
}

const number = (cell = '') => Number(cell.replaceAll(',', ''));

/** The rows of the table of figures. */
const rows = text.split('\n').flatMap((line): Figures[] => {
  const [, , name = '', missing, outOfOrder, repeated = '', pause = ''] = line.split('|').map((cell) => cell.trim());
  const scenario = /^`([\w-]+)`$/.exec(name)?.[1];
  if (scenario === undefined) return [];
  const [times, timesBound = '0'] = repeated.split(' of at most ');
  const [millis, millisBound] = pause.split(' of at most ');
  return [
    {
      scenario,
      missing: number(missing),
      outOfOrder: number(outOfOrder),
      repeated: number(times),
      repeatedBound: number(timesBound),
      pauseMillis: number(millis),
      pauseBoundMillis: number(millisBound),
    },
  ];
});

describe('docs/guarantees.md', () => {
  it('has figures of every scenario, on the emulators too where it is played there', () => {
    const played = castingsOf(['all'], undefined).map(({ scenario }) => scenario.name);
    expect(rows.map(({ scenario }) => scenario).sort()).toEqual(played.sort());
  });

  it('tells nothing that is missing, out of order or out of its bounds, and the bounds are those of today', () => {
    const pace = { failoverTimeMillis: 5_000 };
    for (const row of rows) {
      const scenario = scenarios.find(({ name }) => name === row.scenario);
      expect(row).toMatchObject({ missing: 0, outOfOrder: 0, pauseBoundMillis: scenario?.pauseBoundMillis(pace) });
      expect(row.repeated, row.scenario).toBeLessThanOrEqual(row.repeatedBound);
      expect(row.pauseMillis, row.scenario).toBeGreaterThan(0);
      expect(row.pauseMillis, row.scenario).toBeLessThanOrEqual(row.pauseBoundMillis);
    }
  });

  it('names scenarios that there are, and specs that there are', () => {
    for (const [, names = ''] of text.matchAll(/--scenario ([\w,-]+)/g)) {
      expect(parseChaosOptions(['--scenario', names])).toMatchObject({ tag: 'run' });
    }
    const specs = [...text.matchAll(/spec\/[\w/.-]+\.spec\.ts/g)].map(([file]) => file);
    expect(specs.length).toBeGreaterThan(0);
    for (const file of specs) expect(readFileSync(file, 'utf8')).toContain('describe(');
  });
});
