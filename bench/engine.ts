import { benchCommand } from './command.ts';
import { defaultEngineBench, measureEngine } from './engine/measure.ts';

/** The budgets of `npm run bench -- engine`. */
export const engineBudgets = { emptyBatchMillis: 1, wordCountRatio: 0.5, stateCostRatio: 3 };

const d = defaultEngineBench;

/** `npm run bench -- engine`: batches of the engine against loops by hand over the same buffers. */
export const engineBench = benchCommand({
  summary:
    'How long a batch takes in the engine, against a loop by hand over the same buffers. Budgets: an empty batch under 1 ms, ' +
    'word count at least half of the loop, a state of a million keys at most 3 times as dear as one of 10,000.',
  options: {
    records: { kind: 'number', fallback: d.records, least: 10, most: 1_000_000, help: 'records of a batch' },
    words: { kind: 'number', fallback: d.wordsPerRecord, least: 1, most: 1_000, help: 'words of a record' },
    keys: { kind: 'number', fallback: d.keys, least: 1, most: 1_000_000, help: 'different words' },
    rounds: { kind: 'number', fallback: d.rounds, least: 1, most: 1_000, help: 'rounds that count' },
    'state-keys': {
      kind: 'number',
      fallback: d.stateKeys[1],
      least: 10_000,
      most: 5_000_000,
      help: 'keys of the large state',
    },
  },
  run: async (values, say) => {
    const figures = await measureEngine(
      {
        records: values.records,
        wordsPerRecord: values.words,
        keys: values.keys,
        rounds: values.rounds,
        only: [],
        stateKeys: [d.stateKeys[0], values['state-keys']],
      },
      say,
    );
    say(
      `${figures.records} records of ${figures.wordsPerRecord} words, ${figures.keys} different, ${figures.rounds} rounds`,
    );
    for (const { name, medianMillis, recordsPerSecond, ratioOverHandWritten } of figures.items) {
      say(
        `${name.padEnd(16)} ${medianMillis} ms a batch, ${recordsPerSecond} records/s, ${ratioOverHandWritten} of a loop by hand`,
      );
    }
    say(`a batch on ${values['state-keys']} keys costs ${figures.stateCostRatio} times one on ${d.stateKeys[0]}`);
    return { ...figures };
  },
});
