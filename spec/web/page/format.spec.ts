import { describe, expect, it } from 'vitest';
import {
  ago,
  bytes,
  clock,
  count,
  duration,
  moment,
  rate,
  shortPosition,
  shortShard,
} from '../../../lib/web/page/format.ts';

describe('what the page writes', () => {
  it.each([
    [null, '–'],
    [0, '0 ms'],
    [0.25, '0.3 ms'],
    [7, '7 ms'],
    [999.6, '1000 ms'],
    [1_000, '1 s'],
    [1_250, '1.25 s'],
    [59_900, '59.9 s'],
    [60_000, '1 min'],
    [876_000, '14 min 36 s'],
    [3_600_000, '1 h'],
    [183_600_000, '2 d 3 h'],
    [-1_500, '-1.5 s'],
  ])('of a time that passed, %s: %s', (millis, text) => {
    expect(duration(millis)).toBe(text);
  });

  it('of figures', () => {
    expect([count(12_345), count(null)]).toEqual(['12,345', '–']);
    expect([rate(0), rate(0.25), rate(9.96), rate(1_234.5), rate(undefined)]).toEqual([
      '0',
      '0.25',
      '9.96',
      '1,235',
      '–',
    ]);
    expect([bytes(999), bytes(1_500), bytes(250_000_000), bytes(null)]).toEqual(['999 B', '1.5 KB', '250 MB', '–']);
  });

  it('of moments, by the clock of whoever looks', () => {
    const at = new Date(2014, 7, 12, 17, 29, 21, 7).getTime();
    expect([moment(at), moment(at, true), moment(null)]).toEqual([
      '2014/08/12 17:29:21',
      '2014/08/12 17:29:21.007',
      '–',
    ]);
    expect(clock(at)).toBe('17:29:21');
    expect([ago(at, at + 900), ago(at, at + 61_900), ago(at, at - 5), ago(null, at)]).toEqual([
      'now',
      '1 min 1 s ago',
      'now',
      '–',
    ]);
  });

  it('of long names', () => {
    expect([shortShard('shardId-000000000042'), shortShard('shardId-x')]).toEqual(['…042', 'shardId-x']);
    expect([shortPosition('TRIM_HORIZON'), shortPosition('49590123456789012345:0'), shortPosition(null)]).toEqual([
      'TRIM_HORIZON',
      '…56789012345:0'.slice(0, 14),
      '–',
    ]);
  });
});
