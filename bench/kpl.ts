import { loadAwsKinesisAgg } from './aws-kinesis-agg.ts';
import { benchCommand } from './command.ts';
import { measureKpl } from './kpl/measure.ts';

/** `npm run bench -- kpl`. The budget is 5 times aws-kinesis-agg for 500 user records of 100 bytes. */
export const kplBench = benchCommand({
  summary: 'How many user records a CPU second takes out of KPL aggregates; the budget is 5 times aws-kinesis-agg.',
  options: {
    records: { kind: 'number', fallback: 500, least: 2, most: 100_000, help: 'user records of an aggregate' },
    'record-bytes': { kind: 'number', fallback: 100, least: 1, most: 100_000, help: 'bytes of a user record' },
    keys: { kind: 'number', fallback: 50, least: 1, most: 100_000, help: 'different partition keys of an aggregate' },
    aggregates: { kind: 'number', fallback: 20, least: 1, most: 1_000, help: 'aggregates of a page' },
    rounds: { kind: 'number', fallback: 9, least: 5, most: 1_000, help: 'rounds that count' },
    'round-records': { kind: 'number', fallback: 1_000_000, least: 1, most: 1e9, help: 'user records of a round' },
  },
  run: async (values, say) => {
    const { records, keys, aggregates, rounds } = values;
    // Before the processes that need it are there.
    loadAwsKinesisAgg();
    const figures = await measureKpl({
      records,
      keys: Math.min(keys, records),
      aggregates,
      rounds,
      recordBytes: values['record-bytes'],
      roundRecords: values['round-records'],
    });
    say(`${records} user records of ${figures.recordBytes} bytes with ${figures.keys} keys, ${rounds} rounds`);
    for (const { name, recordsPerCpuSecond, spreadRecordsPerCpuSecond } of figures.variants) {
      const [slowest, fastest] = spreadRecordsPerCpuSecond.map(millions);
      say(`${name.padEnd(18)} ${millions(recordsPerCpuSecond)} M/s (${slowest} to ${fastest})`);
    }
    say(`${figures.ratioOverAwsKinesisAgg} times aws-kinesis-agg, checksum ${figures.checksum}`);
    return { ...figures };
  },
});

function millions(value: number): string {
  return (value / 1e6).toFixed(2);
}
