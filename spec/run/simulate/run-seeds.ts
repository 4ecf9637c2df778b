import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChildTask, SeedReport } from './seed-report.ts';

/** One seed takes a second or two; a process that says nothing for so long hangs. */
const silenceMillis = 120_000;

const child = fileURLToPath(new URL('./child.ts', import.meta.url));
/** The root of the repository. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** How a process with seeds has ended. */
export interface ChildEnd {
  readonly reports: readonly SeedReport[];
  /** Why it ended before its time. */
  readonly fault: string | undefined;
}

/** Runs seeds in a process of their own, one after the other. Never rejects. */
export function runInChild(
  task: ChildTask,
  nodeOptions: readonly string[],
  onReport: (report: SeedReport) => void = () => {},
): Promise<ChildEnd> {
  return new Promise((resolve) => {
    const reports: SeedReport[] = [];
    let fault: string | undefined;
    const spawned = spawn(process.execPath, [...nodeOptions, '--import', 'tsx', child, JSON.stringify(task)], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = () => {
      fault = `no word for ${silenceMillis} ms`;
      spawned.kill('SIGKILL');
    };
    let timer = setTimeout(kill, silenceMillis);
    let complaints = '';
    spawned.stderr.on('data', (data: Buffer) => {
      complaints = (complaints + data.toString()).slice(-2_000);
    });
    const lines = createInterface({ input: spawned.stdout });
    lines.on('line', (line) => {
      clearTimeout(timer);
      timer = setTimeout(kill, silenceMillis);
      const report = JSON.parse(line) as SeedReport;
      reports.push(report);
      onReport(report);
    });
    spawned.on('close', (code) => {
      clearTimeout(timer);
      if (code !== 0) fault ??= `exit code ${code}: ${complaints.trim()}`;
      resolve({ reports, fault });
    });
  });
}

/** Runs `npm run simulate` once more, under options of Node, with the same standard streams; resolves to its exit code. */
export function runAgain(nodeOptions: readonly string[], args: readonly string[]): Promise<number> {
  const command = fileURLToPath(new URL('../simulate.ts', import.meta.url));
  return new Promise((resolve, reject) => {
    const spawned = spawn(process.execPath, [...nodeOptions, '--import', 'tsx', command, ...args], {
      cwd: root,
      stdio: 'inherit',
    });
    spawned.on('error', reject);
    spawned.on('close', (code) => resolve(code ?? 1));
  });
}

/** Runs seeds in several processes, and answers with their reports in the order of the seeds. */
export async function runSeeds(
  seeds: readonly number[],
  { jobs, engine }: { readonly jobs: number; readonly engine: boolean },
  onReport: (report: SeedReport) => void,
): Promise<readonly SeedReport[]> {
  const shares = Array.from({ length: jobs }, (_, job) => seeds.filter((_seed, index) => index % jobs === job));
  const ends = await Promise.all(
    shares
      .filter((share) => share.length > 0)
      .map((share) => runInChild({ seeds: share, stopAtFailure: false, engine }, [], onReport)),
  );
  const broken = ends.find((end) => end.fault !== undefined);
  if (broken !== undefined) throw new Error(`a process of the simulation ended: ${broken.fault}`);
  const order = new Map(seeds.map((seed, index) => [seed, index]));
  const placeOf = (report: SeedReport) => order.get(report.seed) ?? 0;
  return ends.flatMap((end) => end.reports).sort((a, b) => placeOf(a) - placeOf(b));
}
