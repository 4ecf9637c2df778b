import {
  type CpuSource,
  type CpuSourcePorts,
  cgroup1Source,
  cgroup2Source,
  ecsSource,
  procSource,
} from './cpu-source.ts';

/** The variables by which ECS tells a container where its metadata are. */
export interface EcsEnvironment {
  readonly ECS_CONTAINER_METADATA_URI_V4?: string | undefined;
  readonly ECS_CONTAINER_METADATA_URI?: string | undefined;
}

/** Kubernetes puts this file into every container that has a service account. It is looked for, never read. */
const kubernetesTokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Chooses where to read the CPU, in KCL's order (kcl.md 2.6): in an ECS task its metadata; in Kubernetes the control
 * group, version 2 before 1; else the whole machine. Undefined where nothing can be read, as on other systems than
 * Linux. Never rejects.
 *
 * KCL asks the EC2 instance metadata before it trusts `/proc/stat` and gives up CPU elsewhere. The file is the same on any
 * Linux host, so nobody is asked here.
 */
export async function selectCpuSource(
  ports: CpuSourcePorts,
  environment: EcsEnvironment,
): Promise<CpuSource | undefined> {
  const metadataUri = environment.ECS_CONTAINER_METADATA_URI_V4 || environment.ECS_CONTAINER_METADATA_URI;
  if (metadataUri) return ecsSource(ports, metadataUri);
  if (await ports.hasFile(kubernetesTokenFile)) {
    if (await ports.hasFile('/sys/fs/cgroup/cgroup.controllers')) return cgroup2Source(ports);
    if (await ports.hasFile('/sys/fs/cgroup/cpu/cpuacct.usage')) return cgroup1Source(ports);
    return undefined;
  }
  return (await ports.hasFile('/proc/stat')) ? procSource(ports) : undefined;
}
