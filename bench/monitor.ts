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
    browsers: { kind: 'number', fallback: defaults.browsers, least: 0, most: 200, help: 'browsers that follow' },
  },
  run: async (values, say) => {
    const figures = await measureMonitor({
      ...defaults,
      shards: values.shards,
      records: values.records,
      rounds: values.rounds,
      roundMillis: values['round-millis'],
      codec: values.codec,
      browsers: values.browsers,
    });
    const { overheadPercent, intervalPercent, quartilesPercent, spreadPercent } = figures;
    say(`${figures.shards} shards, ${figures.codec}, ${figures.rounds} rounds, ${figures.browsers} browsers`);
    say(`MB per CPU second: ${figures.bareMbPerCpuSecond} unwatched, ${figures.watchedMbPerCpuSecond} watched`);
    say(
      `metrics and page take ${overheadPercent} %, with 95 % confidence ${intervalPercent?.join(' to ') ?? 'unknown'} % (half of the rounds ${quartilesPercent.join(' to ')} %, all ${spreadPercent.join(' to ')} %)`,
    );
    say(
      `by itself, in a process that only publishes the same events, watching takes ${figures.alonePercent} % (${figures.aloneIntervalPercent?.join(' to ') ?? 'unknown'} %)`,
    );
    say(`the budget of ${figures.budgetPercent} %: ${verdicts[figures.verdict]}`);
    return { ...figures };
  },
});
