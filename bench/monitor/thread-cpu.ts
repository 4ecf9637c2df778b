import { readFileSync } from 'node:fs';

/**
 * The CPU time of the main thread alone, in microseconds: without what the collector and the compiler do beside it. It is
 * known on Linux; elsewhere `undefined`.
 */
export function mainThreadMicros(): number | undefined {
  try {
    // The main thread's id is that of the process; the first figure is nanoseconds on a processor.
    const [nanos = ''] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
    return /^\d+$/.test(nanos) ? Number(nanos) / 1_000 : undefined;
  } catch {
    return undefined;
  }
}
