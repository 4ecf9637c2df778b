import { checksumOf, preparePage } from './shape.ts';
import { type KplVariant, kplVariants } from './variants.ts';

// One way to take aggregates apart, in a process of its own, so that neither its garbage nor its compiled code meets
// another's. Arguments: the variant and the shape. Each message from the parent is a number of pages to measure; 0 asks
// for the checksum.

/** What a round of pages took. */
export interface RoundFigures {
  readonly cpuMicros: number;
  readonly sum: number;
}

const [name = '', ...numbers] = process.argv.slice(2);
const [aggregates = 0, records = 0, recordBytes = 0, keys = 0] = numbers.map(Number);
const { frames } = preparePage({ aggregates, records, recordBytes, keys });
const made = kplVariants[name]?.(frames);
if (made === undefined) throw new Error(`no variant ${name}`);
const variant: KplVariant = made;

process.on('message', (pages: number) => {
  process.send?.(pages === 0 ? (variant.readAll === undefined ? '' : checksumOf(variant.readAll())) : round(pages));
});
process.on('disconnect', () => process.exit());

function round(pages: number): RoundFigures {
  const before = process.cpuUsage();
  let sum = 0;
  for (let page = 0; page < pages; page += 1) sum += variant.read();
  const { user, system } = process.cpuUsage(before);
  return { cpuMicros: user + system, sum };
}
