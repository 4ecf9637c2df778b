import { systemClock } from '../../lib/base/clock.ts';
import { messageOf } from '../../lib/base/error.ts';
import { jsonLine } from '../../lib/base/json-line.ts';
import { escapeControl } from '../../lib/base/text.ts';
import { runAdvanced } from './demo/advanced.ts';
import { advancedFaults, advancedText } from './demo/advanced-tally.ts';
import { DemoState } from './demo/demo-state.ts';
import { Display, type DisplayStream } from './demo/display.ts';
import { adoptAwsEnvironment } from './demo/environment.ts';
import { EarlyEnd, listenForEnd } from './demo/early-end.ts';
import { type DemoOptions, demoHelp, parseDemoOptions } from './demo/options.ts';
import { runDemo } from './demo/run.ts';
import { title } from './demo/table.ts';
import { exitCodeOf, judge, verdictText } from './demo/verdict.ts';

// `npm run demo`: the word count over emulators, with a verdict. See `--help`.

async function main(args: readonly string[]): Promise<number> {
  const request = parseDemoOptions(args);
  switch (request.tag) {
    case 'help':
      process.stdout.write(demoHelp());
      return 0;
    case 'refused':
      complain(request.message);
      return 2;
    case 'run':
      if (request.options.ui) await seeToPage();
      return request.options.advanced ? advancedDemo(request.options) : demo(request.options);
  }
}

/** A clone that was not built has no page yet. */
async function seeToPage(): Promise<void> {
  const { buildPage, isPageBuilt } = await import('./page/build.ts');
  if (!isPageBuilt()) await buildPage();
}

/** Runs the advanced word count, shows its batches, and prints how it ended. */
async function advancedDemo(options: DemoOptions): Promise<number> {
  adoptAwsEnvironment();
  const end = listenForEnd();
  const stream = options.json ? process.stderr : process.stdout;
  try {
    const say = (text: string) => void stream.write(`${text.trimEnd()}\n`);
    const figures = await runAdvanced({ options, clock: systemClock, say }, end.signal);
    const faults = advancedFaults(figures);
    for (const fault of faults) complain(fault);
    process.stdout.write(options.json ? `${jsonLine({ ...figures, faults })}\n` : advancedText(figures, faults));
    return faults.length === 0 ? 0 : 1;
  } catch (thrown) {
    const early = end.signal.reason instanceof EarlyEnd ? end.signal.reason : undefined;
    complain(early?.message ?? messageOf(thrown));
    return early?.exitCode ?? 1;
  } finally {
    end.unlisten();
  }
}

/** Runs the demo, shows it, and prints how it ended. */
async function demo(options: DemoOptions): Promise<number> {
  adoptAwsEnvironment();
  const end = listenForEnd();
  const clock = systemClock;
  const state = new DemoState(options, clock.monotonicMillis());
  const stream: DisplayStream & { isTTY?: boolean } = options.json ? process.stderr : process.stdout;
  const display = new Display({
    stream,
    clock,
    isLive: stream.isTTY === true && process.env['TERM'] !== 'dumb',
    read: () => state.snapshotAt(clock.monotonicMillis()),
  });
  const faults: string[] = [];
  display.note(title(options));
  display.start();
  try {
    const onStarted = () => display.note(startedText(state, clock.monotonicMillis()));
    const onIncident = (what: string) => display.note(what);
    const onPage = (worker: number, url: string) => display.note(`the page of worker ${worker}: ${url}`);
    await runDemo({ state, clock, onStarted, onPage, onIncident }, end.signal);
  } catch (thrown) {
    if (end.signal.reason instanceof EarlyEnd) {
      display.stop();
      complain(end.signal.reason.message);
      return end.signal.reason.exitCode;
    }
    faults.push(messageOf(thrown));
  } finally {
    end.unlisten();
  }
  state.enter('done', clock.monotonicMillis());
  display.stop();
  if (!options.json) stream.write('\n');
  return conclude(options, state, faults);
}

function conclude(options: DemoOptions, state: DemoState, faults: readonly string[]): number {
  const workers = state.workersAt(systemClock.monotonicMillis());
  const verdict = judge({
    options,
    figures: state.ledger.figures,
    incidents: state.incidents,
    batches: workers.reduce((sum, worker) => sum + worker.batches, 0),
    // The monotonic clock of a process begins with it.
    startMillis: state.producingMillis,
    firstCountMillis: state.firstCountMillis,
    faults,
  });
  if (verdict.faults.length > 0) for (const text of [...verdict.faults, ...state.workerOutputs]) complain(text);
  process.stdout.write(options.json ? `${jsonLine(verdict)}\n` : verdictText(verdict));
  return exitCodeOf(verdict);
}

function startedText(state: DemoState, nowMillis: number): string {
  const workers = state.workersAt(nowMillis).map(({ number, pid }) => `worker ${number} pid ${pid}`);
  return `started ${[...state.services, ...workers].join(', ')}`;
}

/** Writes a message to standard error, its lines without what a terminal would act on. */
function complain(message: string): void {
  const [first = '', ...rest] = message.split('\n').map(escapeControl);
  process.stderr.write([`demo: ${first}`, ...rest.map((line) => `  ${line}`), ''].join('\n'));
}

process.exitCode = await main(process.argv.slice(2));
