import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { errorForPerson, errorForProgram } from '../../lib/cli/render/error.ts';
import { drainingLine } from '../../lib/cli/render/draining.ts';
import { progressLine } from '../../lib/cli/render/progress.ts';

describe('an error', () => {
  it('is one line for a person, in which nothing moves the cursor', () => {
    const error = new MillraceError('MR_STREAM_NOT_FOUND', 'stream "a\nb\u001b[2J" does not exist; create it');
    expect(errorForPerson(error)).toBe(
      'millrace: MR_STREAM_NOT_FOUND: stream "a\\x0ab\\x1b[2J" does not exist; create it\n',
    );
  });

  it('is one line of JSON for a program, with its code, subject and exit code', () => {
    const error = new MillraceError('MR_STREAM_NOT_FOUND', 'gone\n', { subject: { stream: 'orders' } });
    const line = errorForProgram(error);
    expect(line.split('\n').length).toBe(2);
    expect(JSON.parse(line)).toEqual({
      level: 'error',
      code: 'MR_STREAM_NOT_FOUND',
      msg: 'MR_STREAM_NOT_FOUND: gone\n',
      subject: { stream: 'orders' },
      exitCode: 3,
    });
    expect(JSON.parse(errorForProgram(new Error('odd')))).toMatchObject({ code: 'MR_INTERNAL', exitCode: 1 });
  });
});

describe('the progress line', () => {
  it.each([
    [undefined, 'not read yet'],
    [0, 'behind 0 ms'],
    [1_500, 'behind 1.5 s'],
    [45_000, 'behind 45 s'],
    [90_000, 'behind 1.5 min'],
    [86_400_000, 'behind 1.0 d'],
  ])('says how far %s ms are', (millisBehindLatest, text) => {
    expect(progressLine({ shards: 4, records: 1234, millisBehindLatest }, 80)).toBe(`shards 4  records 1,234  ${text}`);
  });

  it('fits into the terminal', () => {
    expect(progressLine({ shards: 4, records: 1234, millisBehindLatest: 0 }, 10)).toBe('shards 4 ');
  });
});

describe('the line about a drain', () => {
  it('says what is awaited, and for how long at most', () => {
    const four = ['s-0', 's-1', 's-2', 's-3'];
    expect(drainingLine({ shards: ['s-1'], blocks: 1, forMillis: 4_000 }, 25_000)).toBe(
      'draining: waiting for 1 block of 1 shard (s-1), at most 21 s more; a second signal ends it at once\n',
    );
    expect(drainingLine({ shards: four, blocks: 9, forMillis: 26_000 }, 25_000)).toContain(
      '9 blocks of 4 shards (s-0, s-1, s-2, ...), at most 0 s more',
    );
    expect(drainingLine({ shards: [], blocks: 0, forMillis: 0 }, 25_000)).toContain(
      'for the last checkpoints, at most 25 s',
    );
  });
});
