import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../lib/base/error.ts';
import { pause, systemClock } from '../../../lib/base/clock.ts';
import { type Audit, type HandledLine, audit, placeOf } from './audit.ts';
import { machineMillis } from './ledger-line.ts';
import { type Silence, longestSilence } from './silence.ts';
import type { Scenario } from './scenario.ts';
import type { Services } from './services.ts';
import { Stage } from './stage.ts';
import { type Stall, stallsOf } from './stalls.ts';
import { meterStalls } from './stall-meter.ts';
import { type WorkerProgram, soundWorker } from './worker-process.ts';

/** How a round is played. */
export interface RoundOptions {
  readonly scenario: Scenario;
  readonly services: Services;
  /** Where the folder of the round is made. */
  readonly folder: string;
  readonly failoverTimeMillis: number;
  readonly program?: WorkerProgram;
  /** How long what was put is waited for, once all is well again: 60,000 ms. */
  readonly handledLimitMillis?: number;
  readonly signal: AbortSignal;
}

/** What came of a round. */
export interface Round {
  readonly audit: Audit;
  /** The longest silence of a shard while durations counted. */
  readonly silence: Silence | undefined;
  /** What makes the durations of this round void. */
  readonly stalls: readonly Stall[];
  /** The edges of a shard's life that were seen, as `from>to`. */
  readonly edges: ReadonlySet<string>;
  readonly faults: readonly string[];
  /** The folder with the ledgers. */
  readonly folder: string;
}

/** How long the load goes on after all is well again, so that what comes then is seen too. */
const tailMillis = 1_500;
const probeIntervalMillis = 250;

let rounds = 0;

/**
 * Plays a scenario once: sets the stage, lets it happen, waits until everything that was put has been handled, ends the
 * workers and looks at what they did. Nothing of it is left running.
 * @throws the signal's reason when it aborts
 */
export async function playRound(options: RoundOptions): Promise<Round> {
  const { scenario, services, failoverTimeMillis, program = soundWorker, signal } = options;
  rounds += 1;
  const folder = mkdtempSync(join(options.folder, `${scenario.name}-`));
  const own: Stall[] = [];
  const stage = await Stage.set({
    services,
    folder,
    name: `chaos-${process.pid}-${rounds}`,
    shards: scenario.shards,
    failoverTimeMillis,
    program,
    options: scenario.options?.({ failoverTimeMillis }) ?? {},
    signal,
  });
  const stopMeter = meterStalls((latenessMillis) =>
    own.push({ process: 'the harness', atMillis: machineMillis(), latenessMillis }),
  );
  const probing = new AbortController();
  const probe = probeServices(services, own, probing.signal);
  const step = async (run: () => Promise<void>) => {
    try {
      await run();
    } catch (thrown) {
      signal.throwIfAborted();
      stage.faults.push(messageOf(thrown));
    }
  };
  try {
    await step(async () => {
      await scenario.play(stage);
      await stage.wait(tailMillis);
    });
    await step(async () => services.faults?.clearFaults());
    await step(() => finish(stage, options.handledLimitMillis));
  } finally {
    probing.abort();
    await probe;
    stopMeter();
    await stage.leave();
  }
  return judgeRound(stage, own, folder);
}

/** Ends the load, waits until all of it was handled, and has the workers finish. */
async function finish(stage: Stage, handledLimitMillis: number | undefined): Promise<void> {
  await stage.load.stop();
  const places = stage.load.produced.map(({ shardId, sequenceNumber }) => placeOf(shardId, sequenceNumber));
  const seen = new Set<string>();
  const read = new Map<string, number>();
  await stage
    .until(
      'everything that was put is handled',
      () => {
        for (const [index, { lines }] of stage.workers.entries()) {
          for (const line of lines.slice(read.get(String(index)) ?? 0)) {
            if (line.type !== 'records') continue;
            for (const { sequenceNumber } of line.records) seen.add(placeOf(line.shardId, sequenceNumber));
          }
          read.set(String(index), lines.length);
        }
        const dead = new Set(stage.deadLetters());
        return places.every((place) => seen.has(place) || dead.has(place));
      },
      handledLimitMillis,
    )
    .catch((thrown: unknown) => {
      stage.options.signal.throwIfAborted();
      stage.faults.push(messageOf(thrown));
    });
  const running = stage.running;
  for (const worker of running) worker.signal('SIGTERM');
  for (const worker of running) await stage.ended(worker);
}

async function probeServices(services: Services, stalls: Stall[], signal: AbortSignal): Promise<void> {
  while (await pause(systemClock, probeIntervalMillis, signal)) {
    try {
      const latenessMillis = await services.probe();
      stalls.push({ process: 'the services', atMillis: machineMillis(), latenessMillis });
    } catch (thrown) {
      if (!signal.aborted)
        stalls.push({ process: messageOf(thrown), atMillis: machineMillis(), latenessMillis: Infinity });
      return;
    }
  }
}

function judgeRound(stage: Stage, own: readonly Stall[], folder: string): Round {
  const handled = stage.workers.flatMap((worker) =>
    worker.lines.flatMap((line): HandledLine[] => (line.type === 'records' ? [{ worker: worker.name, ...line }] : [])),
  );
  const edges = stage.workers.flatMap(({ lines }) =>
    lines.flatMap((line) =>
      line.type === 'event' && line.event.type === 'shard.changed' ? [`${line.event.from}>${line.event.to}`] : [],
    ),
  );
  const { excuses, lateWork } = stage;
  const deadLetters = new Set(stage.deadLetters());
  const checked = audit({ produced: stage.load.produced, handled, deadLetters, excuses, lateWork });
  const { measuringSinceMillis } = stage;
  return {
    audit: checked,
    silence: longestSilence(handled, stage.control.shards, measuringSinceMillis),
    stalls: stallsOf(stage, own),
    edges: new Set(edges),
    faults: [
      ...stage.faults,
      ...(checked.foreign > 0
        ? [`${checked.foreign} records were handled that nobody put, or with other contents`]
        : []),
      ...(checked.produced === 0 ? ['nothing was put'] : []),
    ],
    folder,
  };
}
