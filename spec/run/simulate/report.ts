import { calmBlocks } from '../../../lib/testkit/engine/block-harm.ts';
import { engineActs } from '../../../lib/testkit/engine/engine-setup.ts';
import { calmStore } from '../../../lib/testkit/engine/store-view.ts';
import { nemesisActs, quietActs } from '../../../lib/testkit/faults.ts';
import { calmPages } from '../../../lib/testkit/kinesis-view.ts';
import { calmReads } from '../../../lib/testkit/table-view.ts';
import { calmOdds } from '../../../lib/testkit/wire.ts';
import { shardEdges } from '../../../lib/receiver/shard-state.ts';
import type { MutantVerdict } from './try-mutants.ts';
import type { Counts, SeedReport } from './seed-report.ts';

/** Lines of the trace that are shown of a seed that failed. */
const tailLines = 80;

/** The names of all faults that are counted: of single calls, of answers, and what is done to the whole fleet. */
export const faultNames: readonly string[] = [
  ...Object.keys(calmOdds),
  ...Object.keys(calmReads).filter((name) => name !== 'maxLagMillis'),
  ...Object.keys(calmPages),
  ...nemesisActs,
  ...quietActs,
];

/** The names of all faults that are counted of an application with an engine. */
export const engineFaultNames: readonly string[] = [
  ...Object.keys(calmOdds).filter((name) => name !== 'denied'),
  ...Object.keys(calmReads).filter((name) => name !== 'maxLagMillis'),
  ...Object.keys(calmStore),
  ...Object.keys(calmBlocks),
  ...engineActs,
  'rewind',
  'leaseDeleted',
  'collected',
];

/** The names of all edges of the shard state machine. */
export const edgeNames: readonly string[] = Object.entries(shardEdges).flatMap(([from, next]) =>
  next.map((to) => `${from}->${to}`),
);

/** What a seed that failed shows: the sentence, what was drawn, and the end of the trace. */
export function failureText({ seed, broken, tail = [], setup, commits }: SeedReport): string {
  return [
    `seed ${seed}: ${broken}`,
    `drawn: ${setup === undefined ? '' : JSON.stringify(setup)}`,
    ...tail.slice(-tailLines).map((line) => `  ${line}`),
    `again: npm run simulate -- ${commits === undefined ? '' : '--engine '}--seed ${seed} --trace`,
    '',
  ].join('\n');
}

/** A table of counts, one a line; what never occurred is marked. */
export function countsText(title: string, counts: Counts): string {
  const width = Math.max(...Object.keys(counts).map((name) => name.length));
  const lines = Object.entries(counts).map(
    ([name, count]) => `  ${name.padEnd(width)} ${String(count).padStart(8)}${count === 0 ? '  never' : ''}`,
  );
  return [`${title}:`, ...lines, ''].join('\n');
}

/** One line for a mutant. */
export function mutantText({ name, caughtBy, seeds, fault }: MutantVerdict): string {
  if (fault !== undefined) return `mutant ${name}: could not be tried: ${fault}`;
  if (caughtBy === undefined) return `mutant ${name}: NOT caught within ${seeds} seeds`;
  return `mutant ${name}: caught by seed ${caughtBy.seed}: ${caughtBy.broken}`;
}
