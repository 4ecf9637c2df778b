import { describe, expect, it } from 'vitest';
import { LineOutput } from '../../lib/cli/line-output.ts';
import { ProgressDisplay } from '../../lib/cli/progress-display.ts';
import { progressLine } from '../../lib/cli/render/progress.ts';
import { MemoryIo } from './support.ts';

const progress = { shards: 1, records: 2, millisBehindLatest: 0 };
const line = 'shards 1  records 2  behind 0 ms';
const erase = '\r\u001b[K';

describe('the progress display', () => {
  it('draws on one line each second, and gives way to other lines', async () => {
    const io = new MemoryIo({ isTTY: true });
    const display = new ProgressDisplay(io.stderr, io.clock, (columns) => progressLine(progress, columns));
    display.start();
    await io.clock.advance(2_500);
    expect(io.stderr.text).toBe(`${erase}${line}${erase}${line}`);
    io.stderr.text = '';
    display.write('log\n');
    display.write('log\n');
    expect(io.stderr.text).toBe(`${erase}log\nlog\n`);
    io.stderr.text = '';
    await io.clock.advance(1_000);
    display.stop();
    await io.clock.advance(5_000);
    expect(io.stderr.text).toBe(`${erase}${line}${erase}`);
  });

  it('gives way to lines of the output where that is a terminal too', async () => {
    const io = new MemoryIo({ isTTY: true });
    const display = new ProgressDisplay(io.stderr, io.clock, (columns) => progressLine(progress, columns));
    const output = new LineOutput(io.stdout, () => display.giveWayTo(io.stdout));
    display.start();
    await io.clock.advance(1_000);
    await output.write('record\n');
    await output.write('record\n');
    expect([io.stderr.text, io.stdout.text]).toEqual([`${erase}${line}${erase}`, 'record\nrecord\n']);
    await io.clock.advance(1_000);
    display.giveWayTo(new MemoryIo().stdout);
    expect(io.stderr.text).toBe(`${erase}${line}${erase}${erase}${line}`);
    display.stop();
  });

  it('draws nothing where nobody watches', async () => {
    const io = new MemoryIo();
    const display = new ProgressDisplay(io.stderr, io.clock, (columns) => progressLine(progress, columns));
    display.start();
    await io.clock.advance(5_000);
    display.write('log\n');
    display.stop();
    expect(io.stderr.text).toBe('log\n');
  });
});
