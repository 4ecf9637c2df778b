import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { cgroup1Source, cgroup2Source, ecsSource, procSource } from '../../../lib/lease/worker-metrics/cpu-source.ts';
import { selectCpuSource } from '../../../lib/lease/worker-metrics/select-source.ts';
import { systemCpuSourcePorts } from '../../../lib/lease/worker-metrics/system-ports.ts';
import { containerAnswer, statsAnswer, taskAnswer } from './ecs-answers.ts';
import { Machine, kubernetesToken, procStat, version1Files, version2Files } from './machine.ts';

const { signal } = new AbortController();

describe('a source of CPU', () => {
  it('reads the whole machine from /proc/stat, 0 at first', async () => {
    const machine = Machine.with(procStat);
    const source = procSource(machine.ports);
    expect(await source.capture(signal)).toBe(0);
    machine.write({ '/proc/stat': 'cpu  130 0 100 870 0 0 0 0 0 0\n' });
    expect(await source.capture(signal)).toBe(30);
  });

  it('reads a control group, version 2: against its processors, or a quota that may change', async () => {
    const machine = Machine.with(version2Files);
    const source = cgroup2Source(machine.ports);
    expect(await source.capture(signal)).toBe(0);
    await machine.clock.advance(1_000);
    machine.write({ '/sys/fs/cgroup/cpu.stat': 'usage_usec 5300000\n' });
    expect(await source.capture(signal)).toBeCloseTo(10);
    await machine.clock.advance(1_000);
    machine.write({ '/sys/fs/cgroup/cpu.stat': 'usage_usec 5600000\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' });
    expect(await source.capture(signal)).toBeCloseTo(60);
  });

  it('reads a control group, version 1', async () => {
    const machine = Machine.with(version1Files);
    const source = cgroup1Source(machine.ports);
    expect(await source.capture(signal)).toBe(0);
    await machine.clock.advance(2_000);
    machine.write({ '/sys/fs/cgroup/cpu/cpuacct.usage': '7000000000\n' });
    expect(await source.capture(signal)).toBeCloseTo(25);
  });

  it('asks the ECS metadata for its limits once', async () => {
    const machine = new Machine();
    const before = { used: 10, system: 100 };
    machine.answers.set('http://169.254.170.2/v4/id/stats', statsAnswer({ used: 20, system: 140 }, before));
    machine.answers.set('http://169.254.170.2/v4/id/task', taskAnswer({ CPU: 2 }, [10]));
    machine.answers.set('http://169.254.170.2/v4/id', containerAnswer);
    const source = ecsSource(machine.ports, 'http://169.254.170.2/v4/id/');
    expect(await source.capture(signal)).toBe(50);
    expect(await source.capture(signal)).toBe(50);
    expect(machine.asked.map((url) => url.split('/id')[1])).toEqual(['/stats', '/task', '', '/stats']);
  });

  it('rejects when a file or an answer is missing or damaged', async () => {
    const machine = Machine.with({ '/proc/stat': 'no' });
    await expect(procSource(machine.ports).capture(signal)).rejects.toThrow('processor times');
    await expect(cgroup2Source(machine.ports).capture(signal)).rejects.toThrow('ENOENT');
    await expect(ecsSource(machine.ports, 'http://h/v4').capture(signal)).rejects.toThrow('404');
  });
});

describe('selectCpuSource', () => {
  const v4 = { ECS_CONTAINER_METADATA_URI_V4: 'http://h/v4' };
  const v3 = { ECS_CONTAINER_METADATA_URI: 'http://h/v3' };
  const everything = { ...procStat, ...kubernetesToken, ...version1Files, ...version2Files };

  it.each([
    { where: 'an ECS task', files: everything, environment: { ...v4, ...v3 }, kind: 'ecs' },
    { where: 'an ECS task of an older agent', files: {}, environment: v3, kind: 'ecs' },
    {
      where: 'an environment of empty values',
      files: procStat,
      environment: { ...v4, ECS_CONTAINER_METADATA_URI_V4: '' },
      kind: 'proc',
    },
    { where: 'Kubernetes with both versions', files: everything, environment: {}, kind: 'cgroup2' },
    {
      where: 'Kubernetes with version 1',
      files: { ...procStat, ...kubernetesToken, ...version1Files },
      environment: {},
      kind: 'cgroup1',
    },
    {
      where: 'Kubernetes without control groups',
      files: { ...procStat, ...kubernetesToken },
      environment: {},
      kind: undefined,
    },
    { where: 'a plain Linux host', files: { ...procStat, ...version2Files }, environment: {}, kind: 'proc' },
    { where: 'another system', files: {}, environment: {}, kind: undefined },
  ])('chooses $kind in $where', async ({ files, environment, kind }) => {
    const source = await selectCpuSource(Machine.with(files).ports, environment);
    expect(source?.kind).toBe(kind);
  });

  it('prefers version 4 of the ECS metadata', async () => {
    const machine = new Machine();
    const source = await selectCpuSource(machine.ports, { ...v3, ...v4 });
    await expect(source?.capture(signal)).rejects.toThrow('GET http://h/v4/stats');
  });
});

describe.runIf(process.platform === 'linux')('on this Linux machine', () => {
  it('reads the real /proc/stat', async () => {
    const source = procSource(systemCpuSourcePorts(systemClock));
    expect(await source.capture(signal)).toBe(0);
    const percent = await source.capture(signal);
    expect(percent).toBeGreaterThanOrEqual(0);
    expect(percent).toBeLessThanOrEqual(100);
  });
});
