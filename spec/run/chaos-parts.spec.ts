import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashKeyOf, maxHashKey } from '../../lib/testkit/hash-key.ts';
import { Holdings } from './chaos/holdings.ts';
import { LedgerReader, LedgerWriter } from './chaos/ledger-file.ts';
import type { LedgerLine } from './chaos/ledger-line.ts';
import { evenKeys } from './chaos/load-keys.ts';
import { chaosHelp, parseChaosOptions } from './chaos/options.ts';
import { castingsOf, scenarios } from './chaos/scenarios/all.ts';
import { stateScenarioNames } from './chaos/state/play.ts';
import { longestSilence } from './chaos/silence.ts';
import { allEdges, edgesOf, isRoundDue, judgeScenario } from './chaos/verdict.ts';
import type { Round } from './chaos/play.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-ledger-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a ledger', () => {
  it('is read line by line while it is written, and a part of a line is no line yet', () => {
    const path = join(folder, 'a.jsonl');
    const reader = new LedgerReader(path);
    expect(reader.read()).toEqual([]);
    const writer = new LedgerWriter(path);
    const told = (atMillis: number): LedgerLine => ({ type: 'told', atMillis, command: 'größer' });
    writer.append(told(1));
    writer.append(told(2));
    expect(reader.read()).toEqual([told(1), told(2)]);
    const text = `${JSON.stringify(told(3))}\n`;
    appendFileSync(path, Buffer.from(text).subarray(0, 30));
    expect(reader.read()).toEqual([]);
    appendFileSync(path, Buffer.from(text).subarray(30));
    expect(reader.read()).toEqual([told(3)]);
    reader.close();
  });

  it('is longer than one piece that is read at a time', () => {
    const path = join(folder, 'long.jsonl');
    const writer = new LedgerWriter(path);
    const line: LedgerLine = { type: 'told', atMillis: 1, command: 'ß'.repeat(200_000) };
    for (let written = 0; written < 5; written += 1) writer.append(line);
    const reader = new LedgerReader(path);
    expect(reader.read()).toEqual(Array.from({ length: 5 }, () => line));
    reader.close();
  });

  it('belongs to one process, and refuses lines that are none', () => {
    const path = join(folder, 'b.jsonl');
    new LedgerWriter(path).append({ type: 'ready', atMillis: 1 });
    expect(() => new LedgerWriter(path)).toThrow('EEXIST');
    appendFileSync(path, 'noise\n');
    const reader = new LedgerReader(path);
    expect(() => reader.read()).toThrow('a line that is none: noise');
    reader.close();
    expect(readFileSync(path, 'utf8')).toContain('ready');
  });
});

describe('the keys of the load', () => {
  it('lie evenly in the hash space, any eight of them in all its quarters', () => {
    const keys = evenKeys(2);
    expect(new Set(keys).size).toBe(64);
    const partOf = (key: string, parts: bigint) => Number(hashKeyOf(key) / ((maxHashKey + 1n) / parts));
    const parts = keys.map((key) => partOf(key, 32n));
    const counts = Array.from({ length: 32 }, (_, part) => parts.filter((one) => one === part).length);
    expect(counts).toEqual(Array.from({ length: 32 }, () => 2));
    for (let from = 0; from < keys.length; from += 8) {
      expect(new Set(keys.slice(from, from + 8).map((key) => partOf(key, 4n))).size).toBe(4);
    }
  });
});

describe('longestSilence', () => {
  const at = (shardId: string, ...times: readonly number[]) => times.map((atMillis) => ({ shardId, atMillis }));
  const alone = [{ shardId: 'a', parentShardIds: [] }];

  it('is the longest time between two sights of a shard, whoever had them', () => {
    const sights = [...at('a', 0, 100, 900, 1_000), ...at('b', 0, 300, 600, 900)];
    expect(longestSilence(sights, alone, 0)).toEqual({ shardId: 'a', fromMillis: 100, millis: 800 });
  });

  it('does not count what ended before the durations counted, nor what comes after the last sight', () => {
    const sights = at('a', 0, 5_000, 5_100);
    expect(longestSilence(sights, alone, 5_001)).toEqual({ shardId: 'a', fromMillis: 5_000, millis: 100 });
    expect(longestSilence(sights, alone, 4_999)?.millis).toBe(5_000);
    expect(longestSilence([], alone, 0)).toBeUndefined();
  });

  it('goes on from the last sight of the parents in their children', () => {
    const shards = [
      ...alone,
      { shardId: 'b', parentShardIds: [] },
      { shardId: 'c', parentShardIds: ['a', 'b'] },
      { shardId: 'd', parentShardIds: ['gone'] },
    ];
    const sights = [...at('a', 0, 100), ...at('b', 0, 100, 200), ...at('c', 1_100, 1_200), ...at('d', 9_000, 9_001)];
    expect(longestSilence(sights, shards, 0)).toEqual({ shardId: 'c', fromMillis: 200, millis: 900 });
  });
});

describe('Holdings', () => {
  const event = (value: Extract<LedgerLine, { type: 'event' }>['event']): LedgerLine => ({
    type: 'event',
    atMillis: 0,
    event: value,
  });

  it('follow the leases of a worker, tenure by tenure', () => {
    const holdings = new Holdings();
    holdings.note(event({ type: 'lease.gained', leaseKey: 's', tenure: 3, checkpoint: '' }));
    expect([holdings.shards, holdings.isHandling('s')]).toEqual([['s'], false]);
    holdings.note({ type: 'records', atMillis: 0, sinceMillis: 0, shardId: 's', records: [] });
    expect(holdings.isHandling('s')).toBe(true);
    holdings.note(event({ type: 'lease.gained', leaseKey: 's', tenure: 5, checkpoint: '' }));
    holdings.note(event({ type: 'lease.lost', leaseKey: 's', tenure: 3, reason: 'expired' }));
    expect([holdings.shards, holdings.isHandling('s'), holdings.gained]).toEqual([['s'], false, 2]);
    holdings.note(event({ type: 'lease.released', leaseKey: 's', tenure: 5 }));
    expect(holdings.shards).toEqual([]);
  });
});

describe('judging a scenario', () => {
  const [scenario] = scenarios;
  const casting = { scenario: scenario!, on: 'fakes' } as const;
  const pace = { failoverTimeMillis: 3_000 };
  const audited = { produced: 10, missing: 0, outOfOrder: 0, repeated: 0, unexcused: 0, repeatedBound: 0, foreign: 0 };
  const round = (audit: Partial<Round['audit']>, more: Partial<Round> = {}): Round => ({
    audit: { ...audited, examples: [], ...audit },
    silence: { shardId: 's', fromMillis: 0, millis: 500 },
    stalls: [],
    edges: new Set(['reading>lost']),
    faults: [],
    folder: '',
    ...more,
  });
  const stalls = [{ process: 'a', atMillis: 1, latenessMillis: 700 }];
  const judge = (...rounds: readonly Round[]) => judgeScenario(casting, rounds, pace, 1);

  it('is good when nothing is wrong', () => {
    expect(judge(round({}))).toMatchObject({ withinBounds: true, pauseMillis: 500, missing: 0, faults: [] });
    expect(judge(round({ repeated: 3, repeatedBound: 3 }))).toMatchObject({ withinBounds: true, repeated: 3 });
  });

  it.each([
    ['a missing record', round({ missing: 1 })],
    ['one out of order', round({ outOfOrder: 1 })],
    ['one repeated without an excuse', round({ repeated: 1, unexcused: 1, repeatedBound: 5 })],
    ['more repeated than the bound', round({ repeated: 4, repeatedBound: 3 })],
    ['a long silence', round({}, { silence: { shardId: 's', fromMillis: 0, millis: 1_001 } })],
    ['a fault', round({}, { faults: ['a worker ended'] })],
  ])('is bad with %s', (_, bad) => {
    expect(judge(bad).withinBounds).toBe(false);
    expect(judge(round({}), bad, round({})).withinBounds).toBe(false);
  });

  it('counts the data of a void round but not its durations', () => {
    const silence = { shardId: 's', fromMillis: 0, millis: 99_000 };
    const voided = round({}, { stalls, silence });
    expect(judge(voided, round({}))).toMatchObject({ withinBounds: true, pauseMillis: 500, voidRounds: 1 });
    expect(judge(voided)).toMatchObject({ withinBounds: true, pauseMillis: null });
    expect(judge(round({ missing: 1 }, { stalls }), round({}))).toMatchObject({ withinBounds: false, missing: 1 });
  });

  it('plays two more rounds in place of void ones, not more', () => {
    const voided = { stalls };
    const valid = { stalls: [] };
    expect(isRoundDue([], 1)).toBe(true);
    expect(isRoundDue([valid], 1)).toBe(false);
    expect(isRoundDue([voided, voided], 1)).toBe(true);
    expect(isRoundDue([voided, voided, voided], 1)).toBe(false);
    expect(isRoundDue([voided, valid], 2)).toBe(true);
  });

  it('names the edges of a shard that were not seen', () => {
    const { covered, total, lacking } = edgesOf([
      round({}),
      round({}, { edges: new Set(['reading>draining', 'x>y']) }),
    ]);
    expect([covered, total]).toEqual([2, allEdges.length]);
    expect([...lacking, 'reading>lost', 'reading>draining'].sort()).toEqual([...allEdges].sort());
  });
});

describe('the command line of chaos', () => {
  const parsed = (...args: readonly string[]) => parseChaosOptions(args);

  it('plays everything unless told otherwise, some of it on emulators too', () => {
    const request = parsed();
    const castings = request.tag === 'run' ? request.options.castings : [];
    expect(castings.filter(({ on }) => on === 'fakes').map(({ scenario }) => scenario)).toEqual(scenarios);
    expect(castings.filter(({ on }) => on === 'emulators').length).toBeGreaterThan(3);
    expect(castings.some(({ scenario, on }) => on === 'emulators' && scenario.needsFaults)).toBe(false);
    expect(request).toMatchObject({ options: { rounds: 1, failoverTimeMillis: 5_000, json: false } });
  });

  it('takes several scenarios, with commas or one by one', () => {
    const names = ['sigterm', 'kill', 'pause'];
    for (const args of [['--scenario', names.join(',')], names.flatMap((name) => ['--scenario', name])]) {
      expect(parsed(...args)).toMatchObject({ options: { castings: names.map((name) => ({ scenario: { name } })) } });
    }
    expect(parsed('--scenario', 'kill', '--on', 'emulators')).toMatchObject({
      options: { castings: [{ on: 'emulators' }] },
    });
  });

  it.each([
    [['--scenario', 'kil'], 'there is no scenario "kil": did you mean kill?'],
    [['--scenario', 'throttle', '--on', 'emulators'], 'needs calls to go wrong'],
    [['--on', 'aws'], 'give fakes or emulators'],
    [['--rounds', '0'], '--rounds "0": give a whole number from 1 to 100'],
    [['--failover-time-millis', '1e4'], 'give a whole number from 1000 to 60000'],
    [['--scenarios', 'all'], "Unknown option '--scenarios'"],
    [['kill'], 'Unexpected argument'],
  ])('refuses %j', (args, message) => {
    const request = parsed(...args);
    expect(request.tag === 'refused' ? request.message : '').toContain(message);
  });

  it('plays what puts committed state to the test only when it is named, with a failover of its own', () => {
    expect(parsed()).toMatchObject({ options: { state: [] } });
    expect(parsed('--scenario', 'crash-matrix,zombie')).toMatchObject({
      options: { castings: [], state: ['crash-matrix', 'zombie'], everyNth: 1, failoverTimeMillis: 1_000 },
    });
    expect(parsed('--scenario', 'kill,standby', '--every-nth', '5')).toMatchObject({
      options: { castings: [{ on: 'fakes' }], state: ['standby'], everyNth: 5, failoverTimeMillis: 5_000 },
    });
    for (const name of stateScenarioNames) expect(chaosHelp()).toContain(`  ${name.padEnd(20)}`);
  });

  it('names every scenario in its help', () => {
    for (const { name, summary } of scenarios) expect(chaosHelp()).toContain(`  ${name.padEnd(20)}${summary}`);
    expect(() => castingsOf(['nothing'], undefined)).toThrow('there is no scenario "nothing"');
  });
});
