import { describe, expect, it } from 'vitest';
import { type DemoRequest, demoHelp, parseDemoOptions } from './demo/options.ts';

const defaults = {
  seconds: 20,
  rate: 300,
  shards: 4,
  workers: 2,
  seed: 1,
  advanced: false,
  chaos: false,
  ui: false,
  json: false,
};

const refusal = (...args: string[]): string => {
  const request: DemoRequest = parseDemoOptions(args);
  return request.tag === 'refused' ? request.message : `not refused: ${JSON.stringify(request)}`;
};

describe('the options of the demo', () => {
  it('have defaults, and are taken in both forms', () => {
    expect(parseDemoOptions([])).toEqual({ tag: 'run', options: defaults });
    expect(parseDemoOptions(['--seconds', '3', '--rate=50', '--json', '--seed', '0'])).toEqual({
      tag: 'run',
      options: { ...defaults, seconds: 3, rate: 50, json: true, seed: 0 },
    });
    expect(parseDemoOptions(['--workers', '3', '--workers', '1', '--shards', '64'])).toEqual({
      tag: 'run',
      options: { ...defaults, workers: 1, shards: 64 },
    });
  });

  it('choose the advanced word count', () => {
    expect(parseDemoOptions(['--ui', '--chaos'])).toEqual({
      tag: 'run',
      options: { ...defaults, ui: true, chaos: true },
    });
    expect(parseDemoOptions(['--advanced', '--json'])).toEqual({
      tag: 'run',
      options: { ...defaults, advanced: true, json: true },
    });
  });

  it.each([
    [['--secnods', '3'], 'unknown option "--secnods": did you mean --seconds?'],
    [['--worker=3'], 'unknown option "--worker": did you mean --workers?'],
    [
      ['--frobnicate'],
      'unknown option "--frobnicate": the options are --seconds, --rate, --shards, --workers, --seed, --advanced, --chaos, --ui, --json, --help',
    ],
    [['--seconds', 'x'], '--seconds is "x": give a whole number from 1 to 3600'],
    [['--seconds', '0'], '--seconds is "0": give a whole number from 1 to 3600'],
    [['--seconds', '1.5'], '--seconds is "1.5": give a whole number from 1 to 3600'],
    [['--rate', '-5'], '--rate is "-5": give a whole number from 1 to 5000'],
    [['--workers', '17'], '--workers is "17": give a whole number from 1 to 16'],
    [['--shards='], '--shards is "": give a whole number from 1 to 64'],
    [['--seed'], '--seed has no value: give a whole number from 0 to 4294967295'],
    [['--json=yes'], '--json takes no value, it was given "yes"'],
    [['--advanced', '--workers', '3'], '--workers does not go with --advanced, which is one process'],
    [['--advanced', '--chaos'], '--chaos does not go with --advanced, which is one process'],
    [['5'], 'unknown argument "5": there are only options'],
  ])('refuse %j in one line', (args, message) => {
    expect(refusal(...args)).toBe(message);
  });

  it('repeat no control characters and no long words in a refusal', () => {
    expect(refusal('--rate', '\u001b[31m\n')).toContain('--rate is "\\x1b[31m\\x0a"');
    expect(refusal('--rate', 'x'.repeat(500)).length).toBeLessThan(150);
  });

  it('ask for help, in lines of at most 120 characters that name every option', () => {
    expect(parseDemoOptions(['--help'])).toEqual({ tag: 'help' });
    expect(parseDemoOptions(['--seconds', '3', '-h'])).toEqual({ tag: 'help' });
    const help = demoHelp();
    for (const name of Object.keys(defaults)) expect(help).toContain(`--${name}`);
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });
});
