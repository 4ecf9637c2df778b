import { type FigureOfScene, type SceneOfTable, scenesOfTable } from './catalogue.ts';

/** One line of the table. */
export interface TableLine {
  readonly scene: string;
  readonly figure: string;
  readonly unit: FigureOfScene['unit'];
  readonly seeds: number;
  readonly median: number;
  readonly p95: number;
  readonly worst: number;
  readonly kcl: string;
  /** Whether the budget holds; all do that have none. */
  readonly withinBudget: boolean;
}

/** Plays every scene for its share of the seeds, in this process. `say` hears of each scene that has ended. */
export async function measureTable(seeds: number, say: (text: string) => void): Promise<readonly TableLine[]> {
  const lines: TableLine[] = [];
  for (const scene of scenesOfTable) {
    if (seeds < (scene.leastSeeds ?? 0)) continue;
    const begunAt = performance.now();
    lines.push(...(await measureScene(scene, seeds)));
    say(`${scene.name}: ${Math.round((performance.now() - begunAt) / 1_000)} s`);
  }
  return lines;
}

async function measureScene(scene: SceneOfTable, seeds: number): Promise<readonly TableLine[]> {
  const values = new Map<string, number[]>(scene.figures.map(({ key }) => [key, []]));
  const count = Math.max(1, Math.round(seeds / scene.oneOf));
  for (let seed = 1; seed <= count; seed += 1) {
    const measured = await scene.play(seed);
    for (const { key } of scene.figures) values.get(key)?.push(measured[key] ?? Number.NaN);
  }
  return scene.figures.map((figure) => lineOf(scene, figure, values.get(figure.key) ?? []));
}

/** The line of one figure; a quantile is the smallest value that so many of all do not pass. */
export function lineOf(scene: Pick<SceneOfTable, 'name'>, figure: FigureOfScene, values: readonly number[]): TableLine {
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
  const [median, p95, worst] = [quantile(0.5), quantile(0.95), quantile(1)];
  const { budget = {} } = figure;
  const holds = (value: number, limit: number | undefined) => limit === undefined || value <= limit;
  const withinBudget = holds(median, budget.median) && holds(p95, budget.p95) && holds(worst, budget.worst);
  const { text, unit, kcl } = figure;
  return { scene: scene.name, figure: text, unit, seeds: values.length, median, p95, worst, kcl, withinBudget };
}

/** The table as Markdown. */
export function tableText(lines: readonly TableLine[]): string {
  const head = '| what happens | figure | seeds | median | 95 % | worst | KCL 3 |\n|---|---|--:|--:|--:|--:|---|\n';
  let scene = '';
  const rows = lines.map((line) => {
    const name = line.scene === scene ? '' : line.scene;
    scene = line.scene;
    const cells = [line.median, line.p95, line.worst].map((value) => valueText(value, line.unit));
    return `| ${[name, line.figure, line.seeds, ...cells, line.kcl].join(' | ')} |${line.withinBudget ? '' : ' over its budget'}`;
  });
  return `${head}${rows.join('\n')}\n`;
}

function valueText(value: number, unit: FigureOfScene['unit']): string {
  const digits = unit === 'moves per lease' || unit === 'units' ? 1 : 0;
  const text = value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return unit === 'ms' ? `${text} ms` : text;
}
