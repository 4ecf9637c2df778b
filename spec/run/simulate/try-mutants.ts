import { mutantOptions } from './mutant-hook.ts';
import type { Mutant } from './mutants.ts';
import { root, runInChild } from './run-seeds.ts';

/** Within so many seeds a mutant must be caught. */
export const mutantSeeds = 300;

/** What became of a mutant. */
export interface MutantVerdict {
  readonly name: string;
  /** The first seed that showed it. */
  readonly caughtBy: { readonly seed: number; readonly broken: string } | undefined;
  /** Seeds that were tried. */
  readonly seeds: number;
  /** Why it could not be tried. */
  readonly fault: string | undefined;
}

/** How mutants are tried. */
export interface TryMutantsOptions {
  /** Processes at the same time. */
  readonly jobs: number;
  /** Seeds for each: {@link mutantSeeds}. */
  readonly seeds?: number;
}

/** Tries mutants, some at the same time, each until a seed shows it. */
export async function tryMutants(
  mutants: readonly Mutant[],
  { jobs, seeds = mutantSeeds }: TryMutantsOptions,
  onVerdict: (verdict: MutantVerdict) => void,
): Promise<readonly MutantVerdict[]> {
  const verdicts: MutantVerdict[] = [];
  const waiting = [...mutants];
  const work = async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const verdict = await tryMutant(mutant, seeds);
      verdicts.push(verdict);
      onVerdict(verdict);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return verdicts;
}

async function tryMutant(mutant: Mutant, count: number): Promise<MutantVerdict> {
  const seeds = Array.from({ length: count }, (_, index) => index + 1);
  const task = { seeds, stopAtFailure: true, engine: mutant.engine === true };
  const { reports, fault } = await runInChild(task, mutantOptions(root, mutant.edits));
  const last = reports.at(-1);
  const broken = last?.broken ?? null;
  return {
    name: mutant.name,
    caughtBy: last === undefined || broken === null ? undefined : { seed: last.seed, broken },
    seeds: reports.length,
    fault,
  };
}
