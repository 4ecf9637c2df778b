/** What a container's processor share depends on: it does not change while the container runs. */
export interface EcsLimit {
  readonly onlineCpus: number;
  /** Processors that the container is sure to get when all containers of its task are busy. */
  readonly containerCpus: number;
}

/** ECS gives a container without a share 2 (agent 1.2.0 and later). */
const defaultShare = 2;

/**
 * A container's part of its task's processors: its CPU share over the sum of all shares, times the task's limit, or
 * times all processors when the task has no limit (kcl.md 2.6).
 * @param stats answer of `<metadata>/stats`
 * @param task answer of `<metadata>/task`
 * @param container answer of `<metadata>`
 * @throws Error when the number of processors is missing
 */
export function ecsLimit(stats: unknown, task: unknown, container: unknown): EcsLimit {
  const onlineCpus = numberAt(stats, 'cpu_stats', 'online_cpus');
  if (onlineCpus === undefined || onlineCpus <= 0) throw new Error('the task metadata has no cpu_stats.online_cpus');
  const limit = numberAt(task, 'Limits', 'CPU') ?? 0;
  const ownId = at(container, 'DockerId');
  const listed = at(task, 'Containers');
  const containers: readonly unknown[] = Array.isArray(listed) ? listed : [];
  const own = containers.find((one) => at(one, 'DockerId') === ownId);
  const shares = containers.reduce<number>((sum, one) => sum + shareOf(one), 0);
  const part = own === undefined ? 1 : shareOf(own) / shares;
  return { onlineCpus, containerCpus: part * (limit > 0 ? limit : onlineCpus) };
}

/**
 * Percent of the container's guaranteed processor time used between the two readings that one answer of
 * `<metadata>/stats` holds, at most 100. 0 while there is only one reading and when a counter went backwards; 100 when
 * the system's counter stood still, as KCL has it.
 * @throws Error when the counters are missing
 */
export function ecsPercent(stats: unknown, { onlineCpus, containerCpus }: EcsLimit): number {
  const used = numberAt(stats, 'cpu_stats', 'cpu_usage', 'total_usage');
  const system = numberAt(stats, 'cpu_stats', 'system_cpu_usage');
  if (used === undefined || system === undefined) throw new Error('the task metadata has no processor times');
  const usedBefore = numberAt(stats, 'precpu_stats', 'cpu_usage', 'total_usage') ?? 0;
  const systemBefore = numberAt(stats, 'precpu_stats', 'system_cpu_usage') ?? 0;
  if (usedBefore === 0 && systemBefore === 0) return 0;
  if (used < usedBefore || system < systemBefore) return 0;
  if (system === systemBefore) return 100;
  const cpusUsed = ((used - usedBefore) / (system - systemBefore)) * onlineCpus;
  return Math.min(100, (cpusUsed / containerCpus) * 100);
}

function shareOf(container: unknown): number {
  const share = numberAt(container, 'Limits', 'CPU') ?? 0;
  return share > 0 ? share : defaultShare;
}

function numberAt(json: unknown, ...path: readonly string[]): number | undefined {
  const value = at(json, ...path);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function at(json: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    json,
  );
}
