import { checksumOf } from './page.ts';
import { readVariants } from './variants.ts';

// One way to read, in a process of its own, so that neither its garbage nor its compiled code meets another's. Arguments:
// the variant and the endpoint. Each message from the parent is a number of calls to measure; 0 asks for the checksum.

/** What a round of calls took. */
export interface RoundFigures {
  readonly cpuMicros: number;
  readonly records: number;
  readonly peakMegabytes: number;
}

const [name = '', endpoint = ''] = process.argv.slice(2);
const variant = readVariants[name]?.(endpoint);
if (variant === undefined) throw new Error(`no variant ${name}`);

process.on('message', (calls: number) => {
  void (calls === 0 ? checksum() : round(calls)).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());

async function checksum(): Promise<string> {
  return variant?.readAll === undefined ? '' : checksumOf(await variant.readAll());
}

async function round(calls: number): Promise<RoundFigures> {
  // What the last round left is not this one's.
  globalThis.gc?.();
  const before = process.cpuUsage();
  let records = 0;
  for (let call = 0; call < calls; call += 1) records += (await variant?.read()) ?? 0;
  const { user, system } = process.cpuUsage(before);
  return { cpuMicros: user + system, records, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}
