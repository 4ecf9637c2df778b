import { runWorker } from './worker-run.ts';
import type { ChaosWorkerSettings } from './worker-settings.ts';

// A worker of the chaos harness: a process of its own, told its settings in its first argument.

await runWorker(JSON.parse(process.argv[2] ?? '{}') as ChaosWorkerSettings);
