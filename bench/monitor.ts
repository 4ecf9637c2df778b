import { benchCommand } from './command.ts';
import { defaultMonitorBench, measureMonitor } from './monitor/measure.ts';

const defaults = defaultMonitorBench;

const verdicts = {
  within: 'kept',
  over: 'missed',
  unknown: 'cannot be told, the interval is too wide; run it on a quieter machine, or with more --rounds',
} as const;

/** `npm run bench -- monitor`. The budget is 3 % of the receiver's throughput. */
export const monitorBench = benchCommand({
  summary: 'What metrics and the page take of a receiver; the budget is 3 % of its throughput.',
  options: {
    shards: { kind: 'number', fallback: defaults.shards, least: 1, most: 1_000, help: 'shards of the stream' },
    records: { kind: 'number', fallback: defaults.records, least: 1, most: 10_000, help: 'records of a page' },
    rounds: {
      kind: 'number',
      fallback: defaults.rounds,
      least: 6,
      most: 1_000,
      help: 'rounds of four slices that count',
    },
    'round-millis': {
      kind: 'number',
      fallback: defaults.roundMillis,
      least: 100,
      most: 600_000,
      help: 'how long a slice of a round is',
    },
    codec: { kind: 'choice', fallback: defaults.codec, words: ['json', 'cbor'], help: 'which codec' },
    watchers: {
      kind: 'number',
      fallback: defaults.watchers,
      least: 1,
      most: 100,
      help: 'how many watch at once; what they take is divided by their number',
    },
    'burn-micros': {
      kind: 'number',
      fallback: defaults.burnMicros,
      least: 0,
      most: 1_000_000,
      help: 'CPU microseconds that each burns at each event besides, to see that the bench tells it',
    },
    browsers: { kind: 'number', fallback: defaults.browsers, least: 0, most: 200, help: 'browsers that follow each' },
  },
  run: async (values, say) => {
    const figures = await measureMonitor({
      ...defaults,
      shards: values.shards,
      records: values.records,
      rounds: values.rounds,
      roundMillis: values['round-millis'],
      codec: values.codec,
      watchers: values.watchers,
      burnMicros: values['burn-micros'],
      browsers: values.browsers,
    });
    const { watchers, scrapeMillis, mainThreadPercent, mainThreadIntervalPercent, ...told } = figures;
    say(
      `${told.shards} shards, ${told.codec}, ${told.rounds} rounds; ${watchers} watch at once, pages followed by ${told.browsers} each and told every second, metrics scraped every ${scrapeMillis / 1_000} s`,
    );
    say(`MB per CPU second: ${told.bareMbPerCpuSecond} unwatched, ${told.watchedMbPerCpuSecond} watched by all`);
    say(
      `metrics and page of one take ${told.overheadPercent} %, with 95 % confidence ${rangeOf(told.intervalPercent)} % (half of the rounds ${rangeOf(told.quartilesPercent)} %, all ${rangeOf(told.spreadPercent)} %)`,
    );
    say(`${told.firstPercent} of it because events are new to the caches when only one watches`);
    if (mainThreadPercent !== null) {
      say(`of the main thread alone: ${mainThreadPercent} % (${rangeOf(mainThreadIntervalPercent)} %)`);
    }
    say(
      `by itself, in a process that only publishes the same events: ${told.alonePercent} % (${rangeOf(told.aloneIntervalPercent)} %)`,
    );
    say(`the budget of ${told.budgetPercent} %: ${verdicts[told.verdict]}`);
    return { ...figures };
  },
});

function rangeOf(range: readonly [number, number] | null): string {
  return range?.join(' to ') ?? 'unknown';
}
