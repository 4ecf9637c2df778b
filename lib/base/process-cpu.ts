import { availableParallelism } from 'node:os';

/** The processor time of this process, as a port. */
export interface ProcessCpu {
  /** Microseconds that all its threads have used so far, in user and system mode together. */
  usedMicros(): number;
  /** How many processors it may use at once. */
  processors(): number;
}

/** The real process. */
export const systemProcessCpu: ProcessCpu = {
  usedMicros() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  processors: () => availableParallelism(),
};
