import type { Clock } from '../../base/clock.ts';
import {
  type CgroupUsage,
  cgroupPercent,
  countCpuSet,
  parseCfsQuota,
  parseCpuAcct,
  parseCpuMax,
  parseCpuStat,
} from './cgroup.ts';
import { type EcsLimit, ecsLimit, ecsPercent } from './ecs.ts';
import { type ProcStat, parseProcStat, procStatPercent } from './proc-stat.ts';

/** The kinds of places that tell a worker's CPU. */
export type CpuSourceKind = 'ecs' | 'cgroup2' | 'cgroup1' | 'proc' | 'process';

/** Where a worker's CPU is read. */
export interface CpuSource {
  readonly kind: CpuSourceKind;
  /** Percent of the available processor time since the previous call, 0 to 100; 0 at the first call. Rejects when it cannot be read. */
  capture(signal: AbortSignal): Promise<number>;
}

/** What the CPU sources read through. */
export interface CpuSourcePorts {
  /** The text of a file; rejects when there is none. */
  readonly readFile: (path: string, signal: AbortSignal) => Promise<string>;
  /** Whether this process may read a file of that name. Never rejects. */
  readonly hasFile: (path: string) => Promise<boolean>;
  /** The JSON that a GET of this address answers; rejects on any other status than 200. */
  readonly fetchJson: (url: string, signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
}

const groups = '/sys/fs/cgroup';

/** The processors of the whole machine. */
export function procSource({ readFile }: CpuSourcePorts): CpuSource {
  let before: ProcStat | undefined;
  return {
    kind: 'proc',
    async capture(signal) {
      const now = parseProcStat(await readFile('/proc/stat', signal));
      const percent = procStatPercent(before, now);
      before = now;
      return percent;
    },
  };
}

/** A container under control groups, version 2. Limits are read each time: a running container can be resized. */
export function cgroup2Source(ports: CpuSourcePorts): CpuSource {
  return cgroupSource('cgroup2', ports, {
    used: async (read) => parseCpuStat(await read(`${groups}/cpu.stat`)),
    quota: async (read) => parseCpuMax(await read(`${groups}/cpu.max`)),
    cpuSet: (read) => read(`${groups}/cpuset.cpus.effective`),
  });
}

/** A container under control groups, version 1. */
export function cgroup1Source(ports: CpuSourcePorts): CpuSource {
  return cgroupSource('cgroup1', ports, {
    used: async (read) => parseCpuAcct(await read(`${groups}/cpu/cpuacct.usage`)),
    quota: async (read) =>
      parseCfsQuota(await read(`${groups}/cpu/cpu.cfs_quota_us`), await read(`${groups}/cpu/cpu.cfs_period_us`)),
    cpuSet: (read) => read(`${groups}/cpuset/cpuset.effective_cpus`),
  });
}

/** A container of an ECS task; `metadataUri` is what ECS put into the container's environment. */
export function ecsSource({ fetchJson }: CpuSourcePorts, metadataUri: string): CpuSource {
  const root = metadataUri.replace(/\/+$/, '');
  let limit: EcsLimit | undefined;
  return {
    kind: 'ecs',
    async capture(signal) {
      const stats = await fetchJson(`${root}/stats`, signal);
      limit ??= ecsLimit(stats, await fetchJson(`${root}/task`, signal), await fetchJson(root, signal));
      return ecsPercent(stats, limit);
    },
  };
}

type Read = (path: string) => Promise<string>;

interface CgroupFiles {
  readonly used: (read: Read) => Promise<number>;
  readonly quota: (read: Read) => Promise<number | undefined>;
  readonly cpuSet: (read: Read) => Promise<string>;
}

function cgroupSource(kind: CpuSourceKind, { readFile, clock }: CpuSourcePorts, files: CgroupFiles): CpuSource {
  let before: CgroupUsage | undefined;
  return {
    kind,
    async capture(signal) {
      const read: Read = (path) => readFile(path, signal);
      const cpus = (await files.quota(read)) ?? countCpuSet(await files.cpuSet(read));
      const now = { usedMicros: await files.used(read), atMillis: clock.monotonicMillis(), cpus };
      const percent = cgroupPercent(before, now);
      before = now;
      return percent;
    },
  };
}
