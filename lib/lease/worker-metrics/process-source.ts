import type { Clock } from '../../base/clock.ts';
import type { ProcessCpu } from '../../base/process-cpu.ts';
import { type CgroupUsage, cgroupPercent } from './cgroup.ts';
import type { CpuSource } from './cpu-source.ts';

/**
 * The processor time of this process alone, in percent of the processors that it may use.
 *
 * KCL reads the whole machine from `/proc/stat` outside of containers, as there is one worker on each. Node programs
 * run a process for each processor, and of two workers on one machine both would then report the same figure:
 *
 *   1. A has all shards, and the machine is busy at 60 %; B joins on the same machine
 *   2. both report 60, so the fleet is in balance
 *   3. B never gets a shard
 */
export function processSource(cpu: ProcessCpu, clock: Clock): CpuSource {
  let before: CgroupUsage | undefined;
  return {
    kind: 'process',
    capture() {
      const now = { usedMicros: cpu.usedMicros(), atMillis: clock.monotonicMillis(), cpus: cpu.processors() };
      const percent = cgroupPercent(before, now);
      before = now;
      return Promise.resolve(percent);
    },
  };
}
