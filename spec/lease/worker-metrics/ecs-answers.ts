/** Answers of the ECS task metadata endpoint, version 4, cut down to what is read and some around it. */
export interface EcsUsage {
  readonly used: number;
  readonly system: number;
}

/** The answer of `<metadata>/stats` with its two readings. */
export function statsAnswer(now: EcsUsage, before: EcsUsage | undefined, onlineCpus = 4): unknown {
  const reading = ({ used, system }: EcsUsage) => ({
    cpu_usage: { total_usage: used, percpu_usage: [used], usage_in_usermode: used },
    system_cpu_usage: system,
    throttling_data: { periods: 0 },
  });
  return {
    read: '2026-01-01T00:00:01.000000000Z',
    cpu_stats: { ...reading(now), online_cpus: onlineCpus },
    precpu_stats: before === undefined ? { cpu_usage: { total_usage: 0 } } : { ...reading(before), online_cpus: 4 },
    memory_stats: { usage: 1 },
  };
}

/** The answer of `<metadata>/task` with containers of these CPU shares; the first is `own`. */
export function taskAnswer(limits: unknown, shares: readonly (number | undefined)[]): unknown {
  return {
    Cluster: 'default',
    Family: 'consumer',
    ...(limits === undefined ? {} : { Limits: limits }),
    Containers: shares.map((share, index) => ({
      DockerId: index === 0 ? 'own' : `sidecar-${index}`,
      Name: `container-${index}`,
      Limits: share === undefined ? { Memory: 512 } : { CPU: share, Memory: 512 },
    })),
  };
}

/** The answer of `<metadata>` itself. */
export const containerAnswer: unknown = { DockerId: 'own', Name: 'container-0', Limits: { CPU: 10 } };
