import { programArguments } from '../support/programs.ts';
import type { ApplicationSettings } from './java-worker.ts';
import { type WorkerProcess, startWorkerProcess } from './worker-process.ts';

/** What a Millrace worker is told by its only argument, a JSON object. */
export interface MillraceWorkerSettings extends ApplicationSettings {
  readonly workerId: string;
  /** Which layout it is told to use; by default it finds out. */
  readonly coordinationTables?: 'single' | 'legacy';
  /** If given, a record processor checkpoints the record of these data, and processes nothing after it. */
  readonly stopAtData?: string;
}

/** Starts a Millrace worker in a process of its own. */
export function startMillraceWorker(
  application: ApplicationSettings,
  options: Omit<MillraceWorkerSettings, keyof ApplicationSettings>,
): WorkerProcess {
  const settings: MillraceWorkerSettings = { ...application, ...options };
  return startWorkerProcess({
    workerId: options.workerId,
    command: process.execPath,
    args: [...programArguments('spec/interop/millrace-worker-main.ts'), JSON.stringify(settings)],
  });
}
