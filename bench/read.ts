import { benchCommand } from './command.ts';
import { loadPeer } from './peers.ts';
import { type ReadBenchFigures, defaultReadBench, fastestSdk, measureReading, ratioOf } from './read/measure.ts';

/** With so much room V8 does not collect the whole heap for every few megabytes of network buffers. */
const roomyHeap = ['--initial-old-space-size=256'];

/** `npm run bench -- read`. The budgets are 2.2 times the SDK's loop for JSON and 4 times for CBOR, with records of 1 KB. */
export const readBench = benchCommand({
  summary: 'How much a CPU second reads; the budgets are 2.2 times the SDK for JSON and 4 times for CBOR.',
  options: {
    records: { kind: 'number', fallback: defaultReadBench.records, least: 1, most: 10_000, help: 'records of a page' },
    'record-bytes': {
      kind: 'number',
      fallback: defaultReadBench.recordBytes,
      least: 1,
      most: 10_485_760,
      help: 'bytes of a record',
    },
    rounds: { kind: 'number', fallback: defaultReadBench.rounds, least: 5, most: 1_000, help: 'rounds that count' },
    'round-mb': { kind: 'number', fallback: 64, least: 1, most: 10_000, help: 'megabytes of data that a round reads' },
    tls: { kind: 'switch', help: 'over TLS, with the certificate of the server' },
    'roomy-heap': { kind: 'switch', help: `run the readers with ${roomyHeap.join(' ')}` },
  },
  run: async (values, say) => {
    // Before the processes that need it are there.
    loadPeer('lifion-kinesis');
    const figures = await measureReading({
      ...defaultReadBench,
      records: values.records,
      recordBytes: values['record-bytes'],
      rounds: values.rounds,
      roundBytes: values['round-mb'] * 1e6,
      tls: values.tls,
      ...(values['roomy-heap'] ? { nodeFlags: roomyHeap } : {}),
    });
    const ratios = ratiosOf(figures);
    const way = figures.tls ? 'TLS' : 'plain';
    say(`${figures.records} records of ${figures.recordBytes} bytes a page, ${figures.rounds} rounds, ${way}`);
    for (const { name, mbPerCpuSecond, spreadMbPerCpuSecond, peakMegabytes } of figures.variants) {
      const [slowest, fastest] = spreadMbPerCpuSecond;
      say(`${name.padEnd(10)} ${mbPerCpuSecond} MB/s (${slowest} to ${fastest}), ${peakMegabytes} MB resident`);
    }
    const { over, jsonOverSdk, cborOverSdk, fanOutOverSdk, jsonOverLifion } = ratios;
    say(`over ${over}: JSON ${jsonOverSdk}, CBOR ${cborOverSdk}, fan-out ${fanOutOverSdk ?? 'not measured'}`);
    say(`over lifion-kinesis: JSON ${jsonOverLifion}; checksum ${figures.checksum}`);
    return { ...figures, ratios };
  },
});

function ratiosOf(figures: ReadBenchFigures) {
  const over = fastestSdk(figures);
  return {
    /** The fastest of the SDK's loops. */
    over,
    jsonOverSdk: ratioOf(figures, 'json', over),
    cborOverSdk: ratioOf(figures, 'cbor', over),
    fanOutOverSdk: ratioOf(figures, 'fanOut', over),
    jsonOverLifion: ratioOf(figures, 'json', 'lifion'),
    /** What decoding leaves of the speed at which the same bytes are only received. */
    floorShare: ratioOf(figures, 'json', 'floor'),
    floorShareCbor: ratioOf(figures, 'cbor', 'floorCbor'),
  };
}
