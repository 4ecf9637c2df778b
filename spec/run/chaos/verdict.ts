import { shardEdges } from '../../../lib/receiver/shard-state.ts';
import type { Round } from './play.ts';
import type { Pace } from './scenario.ts';
import type { Casting } from './scenarios/all.ts';

/** What a scenario came to, over all its rounds: one object of the JSON. */
export interface ScenarioVerdict {
  readonly scenario: string;
  readonly on: string;
  readonly rounds: number;
  /** Rounds whose durations do not count, since a process stalled. */
  readonly voidRounds: number;
  readonly produced: number;
  readonly missing: number;
  readonly outOfOrder: number;
  /** Of the round with the most. */
  readonly repeated: number;
  /** How often it could have happened in that round at most. */
  readonly repeatedBound: number;
  /** The longest silence of a shard, milliseconds; null when no round's durations count. */
  readonly pauseMillis: number | null;
  readonly pauseBoundMillis: number;
  readonly withinBounds: boolean;
  /** What is wrong, in words. */
  readonly faults: readonly string[];
  readonly seconds: number;
}

/** How many further rounds are played in place of void ones. */
export const mostVoidRounds = 2;

/** Whether another round is due: `wanted` valid ones, or two more than that when stalls make them void. */
export function isRoundDue(rounds: readonly Pick<Round, 'stalls'>[], wanted: number): boolean {
  const valid = rounds.filter((round) => round.stalls.length === 0).length;
  return valid < wanted && rounds.length < wanted + mostVoidRounds;
}

/** Judges a scenario by its rounds: data by all of them, durations by those without a stall. */
export function judgeScenario(
  { scenario, on }: Casting,
  rounds: readonly Round[],
  pace: Pace,
  seconds: number,
): ScenarioVerdict {
  const pauseBoundMillis = scenario.pauseBoundMillis(pace);
  const valid = rounds.filter(({ stalls }) => stalls.length === 0);
  const pauses = valid.map(({ silence }) => silence?.millis ?? 0);
  const pauseMillis = pauses.length === 0 ? null : Math.round(Math.max(...pauses));
  const most = rounds.reduce<Round['audit'] | undefined>(
    (worst, { audit }) => (worst === undefined || audit.repeated > worst.repeated ? audit : worst),
    undefined,
  );
  const sum = (of: (round: Round) => number) => rounds.reduce((all, round) => all + of(round), 0);
  const missing = sum(({ audit }) => audit.missing);
  const outOfOrder = sum(({ audit }) => audit.outOfOrder);
  const unexcused = sum(({ audit }) => audit.unexcused);
  const faults = [
    ...rounds.flatMap((round) => round.faults),
    ...rounds.flatMap(({ audit }) => audit.examples),
    ...(pauseMillis !== null && pauseMillis > pauseBoundMillis ? valid.flatMap(silenceText) : []),
  ];
  const isOver = rounds.some(({ audit }) => audit.repeated > audit.repeatedBound);
  return {
    scenario: scenario.name,
    on,
    rounds: rounds.length,
    voidRounds: rounds.length - valid.length,
    produced: sum(({ audit }) => audit.produced),
    missing,
    outOfOrder,
    repeated: most?.repeated ?? 0,
    repeatedBound: most?.repeatedBound ?? 0,
    pauseMillis,
    pauseBoundMillis,
    withinBounds: rounds.length > 0 && missing + outOfOrder + unexcused === 0 && !isOver && faults.length === 0,
    faults,
    seconds: Math.round(seconds),
  };
}

function silenceText({ silence }: Round): string[] {
  if (silence === undefined) return [];
  return [
    `shard ${silence.shardId} was silent for ${Math.round(silence.millis)} ms from ${Math.round(silence.fromMillis)} ms`,
  ];
}

/** All edges of a shard's life, as `from>to`. */
export const allEdges: readonly string[] = Object.entries(shardEdges).flatMap(([from, tos]) =>
  tos.map((to) => `${from}>${to}`),
);

/** Which edges of a shard's life were seen in the events. */
export function edgesOf(rounds: readonly Pick<Round, 'edges'>[]) {
  const seen = allEdges.filter((edge) => rounds.some(({ edges }) => edges.has(edge)));
  return { covered: seen.length, total: allEdges.length, lacking: allEdges.filter((edge) => !seen.includes(edge)) };
}

/** The last line of JSON. */
export interface ChaosReport {
  readonly scenarios: readonly ScenarioVerdict[];
  /** How many scenarios are out of their bounds. */
  readonly failed: number;
  readonly edges: ReturnType<typeof edgesOf>;
  readonly failoverTimeMillis: number;
  readonly seconds: number;
}

/** A scenario in one line, for people; what is wrong follows in lines of its own. */
export function verdictText(verdict: ScenarioVerdict): string {
  const { scenario, on, missing, outOfOrder, repeated, repeatedBound, pauseMillis, pauseBoundMillis } = verdict;
  const pause = pauseMillis === null ? 'void' : `${pauseMillis}`;
  const cells = [
    `${scenario}${on === 'emulators' ? ' (emulators)' : ''}`.padEnd(32),
    `missing ${missing}`.padEnd(11),
    `out of order ${outOfOrder}`.padEnd(16),
    `repeated ${repeated} of at most ${repeatedBound}`.padEnd(30),
    `pause ${pause} of at most ${pauseBoundMillis} ms`.padEnd(34),
    verdict.withinBounds ? 'good' : 'BAD',
    `${verdict.seconds} s`,
    ...(verdict.voidRounds > 0 ? [`(${verdict.voidRounds} of ${verdict.rounds} rounds void for durations)`] : []),
  ];
  return [cells.join(' '), ...verdict.faults.map((fault) => `  ${fault}`)].join('\n');
}
