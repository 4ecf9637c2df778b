import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../lib/base/error.ts';
import { jsonLine } from '../../lib/base/json-line.ts';
import { escapeControl } from '../../lib/base/text.ts';
import { compiledForChildren } from '../support/compile.ts';
import { adoptAwsEnvironment } from './demo/environment.ts';
import { EarlyEnd, listenForEnd } from './demo/early-end.ts';
import { machineMillis } from './chaos/ledger-line.ts';
import { type ChaosOptions, chaosHelp, parseChaosOptions } from './chaos/options.ts';
import { type Round, playRound } from './chaos/play.ts';
import type { Casting } from './chaos/scenarios/all.ts';
import { type ServiceKind, type Services, startServices } from './chaos/services.ts';
import { type PointVerdict, isSound, playState, pointText } from './chaos/state/play.ts';
import { startStateServices } from './chaos/state/stage.ts';
import {
  type ChaosReport,
  type ScenarioVerdict,
  edgesOf,
  isRoundDue,
  judgeScenario,
  verdictText,
} from './chaos/verdict.ts';

// `npm run chaos`: real worker processes, and what happens to them. See `--help`.

async function main(args: readonly string[]): Promise<number> {
  const request = parseChaosOptions(args);
  switch (request.tag) {
    case 'help':
      process.stdout.write(chaosHelp());
      return 0;
    case 'refused':
      complain(request.message);
      return 2;
    case 'run':
      return chaos(request.options);
  }
}

async function chaos(options: ChaosOptions): Promise<number> {
  adoptAwsEnvironment();
  const end = listenForEnd('chaos', 'the workers and the services are gone');
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
  let isGood = false;
  const sinceMillis = machineMillis();
  try {
    using _ = compiledForChildren();
    const report = await playAll(options, folder, end.signal);
    const points = await playStates(options, folder, end.signal);
    const failed = report.failed + points.filter((point) => !isSound(point)).length;
    const seconds = Math.round((machineMillis() - sinceMillis) / 1_000);
    isGood = failed === 0;
    if (options.json) {
      // The edges are those of fleets; there are none when only state was put to the test.
      const { scenarios, edges, failoverTimeMillis } = report;
      const fleets = scenarios.length === 0 ? {} : { scenarios, edges };
      const state = options.state.length === 0 ? {} : { points };
      process.stdout.write(`${jsonLine({ ...fleets, ...state, failed, failoverTimeMillis, seconds })}\n`);
    } else {
      if (report.scenarios.length > 0) process.stdout.write(reportText(report));
      if (points.length > 0) process.stdout.write(`${points.length} points in ${seconds} s, ${failed} wrong\n`);
    }
    return isGood ? 0 : 1;
  } catch (thrown) {
    complain(messageOf(thrown));
    return thrown instanceof EarlyEnd ? thrown.exitCode : 1;
  } finally {
    end.unlisten();
    if (isGood && !options.keep) rmSync(folder, { recursive: true, force: true });
    else process.stderr.write(`what the workers wrote is in ${folder}\n`);
  }
}

async function playAll(options: ChaosOptions, folder: string, signal: AbortSignal): Promise<ChaosReport> {
  const sinceMillis = machineMillis();
  const started = new Map<ServiceKind, Services>();
  const verdicts: ScenarioVerdict[] = [];
  const rounds: Round[] = [];
  try {
    for (const casting of options.castings) {
      const services = started.get(casting.on) ?? (await startServices(casting.on, signal));
      started.set(casting.on, services);
      const played = await playScenario(casting, services, options, folder, signal);
      rounds.push(...played.rounds);
      verdicts.push(played.verdict);
      const stream = options.json ? process.stderr : process.stdout;
      stream.write(`${escapeLines(verdictText(played.verdict))}\n`);
    }
  } finally {
    await Promise.all([...started.values()].map((services) => services.stop()));
  }
  return {
    scenarios: verdicts,
    failed: verdicts.filter((verdict) => !verdict.withinBounds).length,
    edges: edgesOf(rounds),
    failoverTimeMillis: options.failoverTimeMillis,
    seconds: Math.round((machineMillis() - sinceMillis) / 1_000),
  };
}

/** Scenes at the same time: most of each is waiting. */
const stateJobs = 3;

async function playStates(
  { state, everyNth, failoverTimeMillis, json }: ChaosOptions,
  folder: string,
  signal: AbortSignal,
): Promise<readonly PointVerdict[]> {
  if (state.length === 0) return [];
  await using services = await startStateServices();
  const stream = json ? process.stderr : process.stdout;
  const onVerdict = (verdict: PointVerdict) => void stream.write(`${escapeLines(pointText(verdict))}\n`);
  return await playState(state, { services, folder, failoverTimeMillis, jobs: stateJobs, everyNth, signal, onVerdict });
}

async function playScenario(
  casting: Casting,
  services: Services,
  options: ChaosOptions,
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly verdict: ScenarioVerdict; readonly rounds: readonly Round[] }> {
  const { failoverTimeMillis } = options;
  const sinceMillis = machineMillis();
  const rounds: Round[] = [];
  while (isRoundDue(rounds, options.rounds)) {
    const round = await playRound({ scenario: casting.scenario, services, folder, failoverTimeMillis, signal });
    rounds.push(round);
    const [stall] = round.stalls.toSorted((a, b) => b.latenessMillis - a.latenessMillis);
    if (stall === undefined) continue;
    const { process: name, latenessMillis } = stall;
    const why = `${name} got no time for ${Math.round(latenessMillis)} ms`;
    process.stderr.write(`${casting.scenario.name}: round ${rounds.length} is void for its durations: ${why}\n`);
  }
  const seconds = (machineMillis() - sinceMillis) / 1_000;
  return { verdict: judgeScenario(casting, rounds, { failoverTimeMillis }, seconds), rounds };
}

function reportText({ scenarios, failed, edges, seconds }: ChaosReport): string {
  const lacking = edges.lacking.length === 0 ? '' : `; not seen: ${edges.lacking.join(', ')}`;
  return [
    `edges of a shard's life seen: ${edges.covered} of ${edges.total}${lacking}`,
    `${scenarios.length} scenarios in ${seconds} s, ${failed} out of their bounds`,
    '',
  ].join('\n');
}

/** Writes a message to standard error, its lines without what a terminal would act on. */
function complain(message: string): void {
  process.stderr.write(`chaos: ${escapeLines(message)}\n`);
}

function escapeLines(text: string): string {
  return text.split('\n').map(escapeControl).join('\n');
}

process.exitCode = await main(process.argv.slice(2));
