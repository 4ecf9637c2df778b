import type { PutEntry } from '../../app/produce.ts';
import { systemRandom } from '../../base/random.ts';
import type { CommandContext } from '../command-io.ts';
import type { ProduceFlags } from '../definitions/produce.ts';
import { withoutApplication } from '../flags/without-application.ts';
import { entriesOfLines } from '../input/entries.ts';
import { inputLines } from '../input/input-lines.ts';
import { optionsOf } from '../options-of.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { show } from '../show.ts';
import { untilSignal } from '../until-signal.ts';

/** `millrace produce`: puts the lines of standard input into a stream. */
export async function produce(this: CommandContext, flags: ProduceFlags): Promise<void> {
  const options = await optionsOf(this, flags, withoutApplication);
  const { io } = this;
  let put = { records: 0, bytes: 0 };
  const display = new ProgressDisplay(
    io.stderr,
    io.clock,
    () => `${counts(put.records)} records, ${megabytes(put.bytes)}`,
  );
  const now = new AbortController();
  const { produceStream } = await import('../../app/produce.ts');
  display.start();
  try {
    const end = await untilSignal(io, (early) =>
      produceStream({
        ...options,
        aggregate: flags.aggregate ?? false,
        groups: entriesOf(this, flags, early),
        onPut: (figures) => (put = figures),
        signal: now.signal,
      }),
    );
    display.stop();
    if (end.tag === 'aborted') {
      now.abort(new Error('ended by a second signal'));
      this.process.exitCode = end.exitCode;
      return;
    }
    const { records, bytes } = end.value;
    if (flags.json !== true) {
      // The figures are no records: standard output stays empty.
      io.stderr.write(`put ${counts(records)} records, ${megabytes(bytes)}\n`);
      return;
    }
    await show(this, true, { lines: [{ records, bytes }], text: () => '' });
  } finally {
    display.stop();
  }
}

function entriesOf(
  { io }: CommandContext,
  { input = 'text', 'partition-key': partitionKey }: ProduceFlags,
  early: AbortSignal,
): AsyncIterable<readonly PutEntry[]> {
  const lines = inputLines(io.stdin, early);
  return entriesOfLines(lines, { input, partitionKey, randomKey: () => systemRandom.hex(16) });
}

function counts(count: number): string {
  return count.toLocaleString('en-US');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
