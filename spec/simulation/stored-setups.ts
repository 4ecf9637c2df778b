import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type SimulationSetup, drawSetup, nemesisActs } from '../../lib/testkit/faults.ts';
import { calmPages } from '../../lib/testkit/kinesis-view.ts';
import { calmReads } from '../../lib/testkit/table-view.ts';
import { calmOdds } from '../../lib/testkit/wire.ts';

const folder = fileURLToPath(new URL('setups', import.meta.url));

/** A setup that was broken once. */
export interface StoredSetup {
  /** What went wrong, in words joined by hyphens: the name of its file. */
  readonly name: string;
  readonly setup: SimulationSetup;
}

/**
 * The setups of seeds that once failed. They are stored whole, because what a seed draws changes with every new fault; faults
 * that came later are off in them.
 */
export function storedSetups(): readonly StoredSetup[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ name: path.basename(file, '.json'), setup: complete(readSetup(path.join(folder, file))) }));
}

function readSetup(file: string): SimulationSetup {
  return JSON.parse(readFileSync(file, 'utf8')) as SimulationSetup;
}

function complete(stored: SimulationSetup): SimulationSetup {
  const noActs = Object.fromEntries(nemesisActs.map((act) => [act, 0]));
  return {
    ...drawSetup(stored.seed),
    ...stored,
    tableOdds: { ...calmOdds, ...stored.tableOdds },
    kinesisOdds: { ...calmOdds, ...stored.kinesisOdds },
    reads: { ...calmReads, ...stored.reads },
    pages: { ...calmPages, ...stored.pages },
    acts: { ...noActs, ...stored.acts },
  };
}
