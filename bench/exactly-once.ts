import { benchCommand } from './command.ts';
import { defaultExactlyOnceBench, measureExactlyOnce } from './exactly-once/measure.ts';

/** The budgets of `npm run bench -- exactly-once`. */
export const exactlyOnceBudgets = {
  ratioOverAtLeastOnce: 0.7,
  recoveryMillis: 5_000,
  writesPerCommit: 1,
  writesPerPlannedCommit: 2,
};

const d = defaultExactlyOnceBench;

/** `npm run bench -- exactly-once`: what it costs to count every record once, and to go on from the last commit. */
export const exactlyOnceBench = benchCommand({
  summary:
    'What a committed batch costs over one that is acknowledged, and how long recovery takes, with state in a folder. Budgets: ' +
    'at least 0.7 of the at-least-once word count, a million keys back in 5 s, one DynamoDB write and one state write for each ' +
    'commit (two with planned sinks).',
  options: {
    records: { kind: 'number', fallback: d.records, least: 10, most: 1_000_000, help: 'records of a batch' },
    'words-per-record': {
      kind: 'number',
      fallback: d.wordsPerRecord,
      least: 1,
      most: 1_000,
      help: 'words of a record',
    },
    words: { kind: 'number', fallback: d.words, least: 1, most: 1_000_000, help: 'different words' },
    rounds: { kind: 'number', fallback: d.rounds, least: 1, most: 1_000, help: 'rounds that count' },
    keys: { kind: 'number', fallback: d.keys, least: 1, most: 5_000_000, help: 'keys of the state that is recovered' },
  },
  run: async (values, say) => {
    const figures = await measureExactlyOnce({ ...values, wordsPerRecord: values['words-per-record'] }, say);
    say(
      `a committed word count has ${figures.ratioOverAtLeastOnce} of the throughput of one that is acknowledged by CPU time, ` +
        `${figures.ratioByClock} by the clock`,
    );
    say(`${figures.keys} keys are back after ${figures.recoveryMillis} ms`);
    for (const scope of ['application', 'shard'] as const) {
      say(
        `in ${scope} scope a commit writes ${figures.dynamoWritesPerCommit[scope]} times to DynamoDB and ${figures.stateWritesPerCommit[scope]} to the store, ` +
          `a planned one ${figures.dynamoWritesPerPlannedCommit[scope]} and ${figures.stateWritesPerPlannedCommit[scope]}`,
      );
    }
    return { ...figures };
  },
});
