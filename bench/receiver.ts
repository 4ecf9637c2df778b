import { benchCommand } from './command.ts';
import { defaultReceiverBench, measureReceiver } from './receiver/measure.ts';

const defaults = defaultReceiverBench;

/** `npm run bench -- receiver`. The budgets are 80 % of the bare codec, and 300 MB resident with 100 shards behind. */
export const receiverBench = benchCommand({
  summary: 'What a whole receiver leaves of its codec; the budgets are 80 %, and 300 MB with 100 shards behind.',
  options: {
    shards: { kind: 'number', fallback: defaults.shards, least: 1, most: 1_000, help: 'shards of the stream' },
    records: { kind: 'number', fallback: defaults.records, least: 1, most: 10_000, help: 'records of a page' },
    'record-bytes': {
      kind: 'number',
      fallback: defaults.recordBytes,
      least: 1,
      most: 10_485_760,
      help: 'bytes of a record',
    },
    rounds: { kind: 'number', fallback: defaults.rounds, least: 5, most: 1_000, help: 'rounds that count' },
    'round-millis': {
      kind: 'number',
      fallback: defaults.roundMillis,
      least: 100,
      most: 600_000,
      help: 'how long the receiver works in a round',
    },
    codec: { kind: 'choice', fallback: defaults.codec, words: ['json', 'cbor'], help: 'which codec' },
    tls: { kind: 'switch', help: 'over TLS and HTTP/2' },
    'memory-shards': {
      kind: 'number',
      fallback: defaults.memoryShards,
      least: 1,
      most: 1_000,
      help: 'shards behind while memory is measured',
    },
    'max-buffered-mib': {
      kind: 'number',
      fallback: defaults.maxBufferedBytes / 1_048_576,
      least: 1,
      most: 4_096,
      help: 'the option maxBufferedBytes',
    },
    'heap-growing-percent': {
      kind: 'number',
      fallback: defaults.heapGrowingPercent,
      least: 0,
      most: 1_000,
      help: "V8's flag of this name, for both processes; 0 is without it",
    },
    'buffer-collection': {
      kind: 'choice',
      fallback: defaults.bufferCollection,
      words: ['early', 'v8'],
      help: "the receiver's option bufferCollection",
    },
  },
  run: async (values, say) => {
    const figures = await measureReceiver({
      ...defaults,
      shards: values.shards,
      records: values.records,
      recordBytes: values['record-bytes'],
      rounds: values.rounds,
      roundMillis: values['round-millis'],
      codec: values.codec,
      tls: values.tls,
      memoryShards: values['memory-shards'],
      maxBufferedBytes: values['max-buffered-mib'] * 1_048_576,
      heapGrowingPercent: values['heap-growing-percent'],
      bufferCollection: values['buffer-collection'],
    });
    const [slowest, fastest] = figures.spreadMbPerCpuSecond;
    const { startMegabytes, keepingUpMegabytes, slowMegabytes, pinnedMegabytes, shards } = figures.memory;
    say(
      `${figures.shards} shards, ${figures.records} records of ${figures.recordBytes} bytes a page, ${figures.codec}`,
    );
    say(`receiver ${figures.mbPerCpuSecond} MB per CPU second (${slowest} to ${fastest}), ${figures.mbPerSecond} MB/s`);
    say(`codec ${figures.codecMbPerCpuSecond} MB per CPU second; the receiver has ${figures.ratioOverCodec} of it`);
    say(`${figures.fullRateShardsPerCore} shards of 2 MiB/s a core; checksum ${figures.checksum}`);
    say(
      `${shards} shards behind: ${keepingUpMegabytes} MB resident, ${slowMegabytes} MB with a slow handler ` +
        `(${startMegabytes} MB before reading; ${pinnedMegabytes} MB of buffers in use)`,
    );
    return { ...figures };
  },
});
