import { VirtualClock } from '../../../lib/testkit/virtual-clock.ts';
import type { CpuSourcePorts } from '../../../lib/lease/worker-metrics/cpu-source.ts';

/** A machine of files and one metadata service, for the ports of the CPU sources. */
export class Machine {
  readonly clock = new VirtualClock();
  readonly files = new Map<string, string>();
  readonly answers = new Map<string, unknown>();
  readonly asked: string[] = [];
  readonly ports: CpuSourcePorts = {
    clock: this.clock,
    readFile: async (path) => {
      const text = this.files.get(path);
      if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
      return text;
    },
    hasFile: async (path) => this.files.has(path),
    fetchJson: async (url) => {
      this.asked.push(url);
      if (!this.answers.has(url)) throw new Error(`GET ${url} answered 404`);
      return this.answers.get(url);
    },
  };

  /** A machine with these files. */
  static with(files: Readonly<Record<string, string>>): Machine {
    const machine = new Machine();
    machine.write(files);
    return machine;
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) this.files.set(path, text);
  }
}

/** The files of a container under control groups, version 1. */
export const version1Files = {
  '/sys/fs/cgroup/cpu/cpuacct.usage': '5000000000\n',
  '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
  '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
  '/sys/fs/cgroup/cpuset/cpuset.effective_cpus': '0-3\n',
};

/** The files of a container under control groups, version 2. */
export const version2Files = {
  '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory\n',
  '/sys/fs/cgroup/cpu.stat': 'usage_usec 5000000\nuser_usec 1\n',
  '/sys/fs/cgroup/cpu.max': 'max 100000\n',
  '/sys/fs/cgroup/cpuset.cpus.effective': '0-1,7\n',
};

/** The file of every container that Kubernetes gave a service account. */
export const kubernetesToken = { '/var/run/secrets/kubernetes.io/serviceaccount/token': 'token' };

/** The file of every Linux machine. */
export const procStat = { '/proc/stat': 'cpu  100 0 100 800 0 0 0 0 0 0\n' };
