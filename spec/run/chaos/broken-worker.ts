import { type Tamper, runWorker } from './worker-run.ts';
import type { ChaosWorkerSettings } from './worker-settings.ts';

// A worker that does not keep its promises, to see that the harness tells. Its second argument says how it is broken.

const everySo = 40;
let seen = 0;

const ways: Readonly<Record<string, Tamper>> = {
  /** Finishes a record that it has not handled. */
  skip: (records) => records.filter(() => (seen += 1) % everySo !== 0),
  /** Handles a record twice. */
  repeat: (records) => records.flatMap((record) => ((seen += 1) % everySo === 0 ? [record, record] : [record])),
  /** Handles the records of a block in the wrong order. */
  reorder: (records) => records.toReversed(),
};

const tamper = ways[process.argv[3] ?? ''];
if (tamper === undefined) throw new Error(`a worker is broken by ${Object.keys(ways).join(', ')}`);
await runWorker(JSON.parse(process.argv[2] ?? '{}') as ChaosWorkerSettings, tamper);
