import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Display } from './demo/display.ts';
import { type DemoSnapshot, progressText, tableLines } from './demo/table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const shardIds = (...numbers: number[]) => numbers.map((number) => `shardId-${String(number).padStart(12, '0')}`);

const snapshot: DemoSnapshot = {
  options: {
    seconds: 20,
    rate: 300,
    shards: 4,
    workers: 2,
    seed: 1,
    advanced: false,
    chaos: false,
    ui: false,
    json: false,
  },
  phase: 'producing',
  incidents: [],
  phaseMillis: 12_345,
  services: ['kinesis-local pid 101 127.0.0.1:40001', 'dynalite pid 102 127.0.0.1:40002'],
  workers: [
    {
      number: 1,
      pid: 103,
      shards: shardIds(0, 2),
      batches: 24,
      records: 1_812,
      words: 14_500,
      recordsPerSecond: 150.6,
      behindMillis: 340,
      isKilled: false,
    },
    {
      number: 2,
      pid: 104,
      shards: [],
      batches: 0,
      records: 0,
      words: 0,
      recordsPerSecond: 0,
      behindMillis: undefined,
      isKilled: false,
    },
  ],
  figures: {
    produced: 3_700,
    counted: 1_812,
    missing: 1_888,
    repeated: 0,
    unacknowledged: 0,
    words: 29_000,
    wordsCounted: 14_500,
    wordsDiffering: 60,
  },
  topWords: [
    ['the', 2_330],
    ['water', 1_115],
    ['mill', 5],
  ],
};

describe('the table', () => {
  it('shows every worker, the sums and the most frequent words in 80 columns', () => {
    expect(tableLines(snapshot, 80)).toEqual([
      'Millrace demo: 4 shards, 2 workers, 300 records/s, seed 1',
      'producing, 12.3 of 20 s',
      'kinesis-local pid 101 127.0.0.1:40001   dynalite pid 102 127.0.0.1:40002',
      '',
      'worker pid      shards          batches   records      words records/s   behind',
      '1      103      0 2                  24     1,812     14,500       151    0.3 s',
      '2      104      -                     0         0          0         0        -',
      'all             2                    24     1,812     14,500       151    0.3 s',
      '',
      'produced 3,700   counted 1,812   on the way 1,888   repeated 0',
      'top words  the 2,330  water 1,115  mill 5',
    ]);
  });

  it('has more room for shards in 120 columns, and tells how many do not fit', () => {
    const many = { ...snapshot, workers: [{ ...snapshot.workers[0]!, shards: shardIds(...Array(30).keys()) }] };
    expect(tableLines(many, 80)[5]).toMatch(/^1 +103 +0 1 2 3 4 \+25 +24 /);
    expect(tableLines(many, 120)[5]).toMatch(/^1 +103 +0 1 2 3 4 5 6 7 8 9 10 \+19 +24 /);
  });

  it('is never wider than the terminal, and moves no cursor whatever the words are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.string({ unit: 'binary' }), (columns, word) => {
        const lines = tableLines({ ...snapshot, services: [word], topWords: [[word, 1]] }, columns);
        // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
        for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(1, columns - 1));
      }),
    );
  });

  it('is one line where there is no terminal', () => {
    expect(progressText(snapshot)).toBe(
      'producing, 12.3 of 20 s: produced 3,700, counted 1,812, repeated 0; ' +
        'worker 1: 2 shards, 1,812 records; worker 2: 0 shards, 0 records',
    );
  });
});

describe('the display', () => {
  function setup(isLive: boolean, size: { columns?: number; rows?: number } = {}) {
    const clock = new VirtualClock();
    const writes: string[] = [];
    const stream = { ...size, write: (text: string) => writes.push(text) };
    let phaseMillis = 0;
    const display = new Display({
      stream,
      clock,
      isLive,
      read: () => ({ ...snapshot, phaseMillis: (phaseMillis += 100) }),
    });
    return { clock, display, writes, screen: () => screenOf(writes.join('')) };
  }

  /** What a terminal shows after the text: it knows the four movements that the display may use. */
  function screenOf(text: string): string[] {
    const lines: string[] = [''];
    let row = 0;
    // oxlint-disable-next-line no-control-regex -- these are the control sequences of a terminal
    for (const [piece] of text.matchAll(/\u001b\[\d*[A-Z]|\r|\n|[^\u001b\r\n]+/g)) {
      // oxlint-disable-next-line no-control-regex -- as above
      const up = /^\u001b\[(\d+)A$/.exec(piece);
      if (up !== null) row -= Number(up[1]);
      else if (piece === '\n') row += 1;
      else if (piece === '\u001b[J') lines.length = row + 1;
      else if (piece !== '\r' && piece !== '\u001b[K') lines[row] = piece;
      lines[row] ??= '';
    }
    return lines;
  }

  it('draws the table in place four times a second, and leaves the last one standing', async () => {
    const { clock, display, writes, screen } = setup(true, { columns: 80, rows: 24 });
    display.note('a note is for logs');
    display.start();
    await clock.advance(1_000);
    expect(writes.length).toBe(5);
    display.stop();
    await clock.advance(5_000);
    expect(screen()).toEqual([...tableLines({ ...snapshot, phaseMillis: 600 }, 80), '']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('draws no more lines than the terminal has', () => {
    const { display, screen } = setup(true, { columns: 40, rows: 6 });
    display.start();
    display.stop();
    expect(screen().length).toBe(6);
  });

  it('writes a line of progress every three seconds where there is no terminal', async () => {
    const { clock, display, writes } = setup(false);
    display.note('a note');
    display.start();
    await clock.advance(7_000);
    display.stop();
    expect(writes).toEqual([
      'a note\n',
      `${progressText({ ...snapshot, phaseMillis: 100 })}\n`,
      `${progressText({ ...snapshot, phaseMillis: 200 })}\n`,
    ]);
  });
});
