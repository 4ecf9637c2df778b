import { checksumOf } from './page.ts';
import type { ReadTarget } from './variant.ts';
import { readVariants } from './variants.ts';

// One way to read, in a process of its own, so that neither its garbage nor its compiled code meets another's. Arguments:
// the variant and, as JSON, its target. Each message from the parent is a number of pages to measure; 0 asks for the
// checksum.

/** What a round of pages took. */
export interface RoundFigures {
  readonly cpuMicros: number;
  readonly records: number;
  readonly peakMegabytes: number;
}

const [name = '', target = '{}'] = process.argv.slice(2);
const make = readVariants[name];
if (make === undefined) throw new Error(`no variant ${name}`);
const variant = make(JSON.parse(target) as ReadTarget);

process.on('message', (pages: number) => {
  // What goes wrong here ends the process, and its words reach the terminal.
  void (pages === 0 ? checksum() : round(pages)).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());

async function checksum(): Promise<string> {
  return variant.readAll === undefined ? '' : checksumOf(await variant.readAll());
}

async function round(pages: number): Promise<RoundFigures> {
  // What the last round left is not this one's.
  globalThis.gc?.();
  const before = process.cpuUsage();
  const records = await variant.round(pages);
  const { user, system } = process.cpuUsage(before);
  return { cpuMicros: user + system, records, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}
