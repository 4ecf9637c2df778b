import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock } from './format.ts';

/** A timeline, and beside it how often each value occurred, as Spark's page has them since 1.4. */
export interface ChartProps {
  readonly title: string;
  /** Milliseconds since 1970, ascending. */
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
  readonly format: (value: number) => string;
  /** A value that a line is drawn at, such as the batch interval. */
  readonly mark?: { readonly value: number; readonly title: string } | undefined;
  /** `dark` and `light` have colours of their own. */
  readonly theme: string;
  readonly isBars?: boolean;
}

const height = 132;
const bins = 12;

/** The cursors of all timelines move together. */
const together = uPlot.sync('timelines');

/** One row: what it is and its average, its timeline, its histogram. */
export function Chart(props: ChartProps): JSX.Element {
  const { title, values, format } = props;
  const known = values.filter((value) => value !== null);
  const mean = known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
  const last = known.at(-1);
  return (
    <div class="chart-row">
      <div class="chart-head">
        <h3>{title}</h3>
        <div class="chart-now">{last === undefined ? '–' : format(last)}</div>
        <div class="muted">avg {mean === undefined ? '–' : format(mean)}</div>
      </div>
      <Timeline {...props} />
      <Histogram values={known} format={format} title={title} />
    </div>
  );
}

function Timeline({ title, times, values, format, mark, theme, isBars }: ChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marked = mark?.value;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = new uPlot(
      optionsOf({ title, format, mark, isBars: isBars === true, width: Math.max(120, element.clientWidth) }),
      dataOf(times, values, marked),
      element,
    );
    plot.current = made;
    together.sub(made);
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(120, element.clientWidth), height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      together.unsub(made);
      made.destroy();
    };
  }, [theme, marked, isBars]);
  useEffect(() => plot.current?.setData(dataOf(times, values, marked)), [times, values, marked]);
  return <div class="timeline" ref={box} role="img" aria-label={`Timeline of ${title}`} />;
}

function dataOf(
  times: readonly number[],
  values: readonly (number | null)[],
  mark: number | undefined,
): uPlot.AlignedData {
  const seconds = times.map((time) => time / 1_000);
  const data: [number[], ...(number | null)[][]] = [seconds, [...values]];
  if (mark !== undefined) data.push(times.map(() => mark));
  return data;
}

function optionsOf({
  title,
  format,
  mark,
  isBars,
  width,
}: Pick<ChartProps, 'title' | 'format' | 'mark'> & {
  readonly isBars: boolean;
  readonly width: number;
}): uPlot.Options {
  const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui',
  };
  const bars = uPlot.paths.bars?.({ size: [0.7, 12], gap: 1 });
  return {
    width,
    height,
    legend: { show: false },
    cursor: { sync: { key: together.key }, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, Math.max(most, 1) * 1.1] } },
    axes: [
      { ...axis, size: 24, space: 70, values: (_, splits) => splits.map((split) => clock(split * 1_000)) },
      { ...axis, size: 58, space: 30, values: (_, splits) => splits.map((split) => format(split)) },
    ],
    series: [
      {},
      {
        label: title,
        stroke: color('--accent'),
        fill: color('--accent-soft'),
        width: 1.5,
        points: { show: false },
        ...(isBars && bars !== undefined ? { paths: bars, width: 0, fill: color('--accent') } : {}),
      },
      ...(mark === undefined
        ? []
        : [{ label: mark.title, stroke: color('--bad'), width: 1, dash: [4, 4], points: { show: false } }]),
    ],
    plugins: [tooltip(format)],
  };
}

/** Says the value and time under the cursor. */
function tooltip(format: (value: number) => string): uPlot.Plugin {
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.hidden = true;
  return {
    hooks: {
      init: (plot) => plot.over.append(tip),
      setCursor: (plot) => {
        const index = plot.cursor.idx;
        const time = index === null || index === undefined ? undefined : plot.data[0][index];
        const value = index === null || index === undefined ? undefined : plot.data[1]?.[index];
        tip.hidden = time === undefined || value === null || value === undefined;
        if (time === undefined || value === null || value === undefined) return;
        tip.textContent = `${format(value)} · ${clock(time * 1_000)}`;
        const isRight = (plot.cursor.left ?? 0) > plot.over.clientWidth / 2;
        tip.style.left = isRight ? '4px' : 'auto';
        tip.style.right = isRight ? 'auto' : '4px';
      },
    },
  };
}

/** How many of the values fell into each of a dozen equal parts, the greatest on top as in the timeline. */
function Histogram({
  values,
  format,
  title,
}: {
  readonly values: readonly number[];
  readonly format: (value: number) => string;
  readonly title: string;
}): JSX.Element {
  const most =
    Math.max(
      values.reduce((max, value) => Math.max(max, value), 0),
      1,
    ) * 1.1;
  const counts = Array.from({ length: bins }, () => 0);
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.floor((value / most) * bins));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const longest = Math.max(1, ...counts);
  const step = (height - 30) / bins;
  return (
    <svg
      class="histogram"
      viewBox={`0 0 120 ${height}`}
      role="img"
      aria-label={`Histogram of ${title}`}
      preserveAspectRatio="none"
    >
      {counts.map((amount, bin) => (
        <rect
          key={bin}
          x="0"
          width={amount === 0 ? 0.5 : Math.max(2, (amount / longest) * 116)}
          y={6 + (bins - 1 - bin) * step}
          height={step - 1}
        >
          <title>{`${amount} from ${format((bin * most) / bins)} to ${format(((bin + 1) * most) / bins)}`}</title>
        </rect>
      ))}
    </svg>
  );
}
