import { escapeControl } from '../../base/text.ts';
import type { Palette, Tone } from './palette.ts';

/** One column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right: `left`. */
  readonly align?: 'left' | 'right';
  /** Whether it may be cut where the terminal is too narrow; the middle goes, since names differ at both ends. */
  readonly canShrink?: boolean;
}

/** A cell: a text, or a text with a colour. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/** Where a table is drawn. */
export interface Canvas {
  /** Columns of the terminal; absent where there is none, and nothing is cut. */
  readonly columns?: number | undefined;
  readonly palette: Palette;
}

const gap = '  ';
/** A column that is cut keeps so many characters at least. */
const leastWidth = 8;

/** A table with a line of titles. Whatever is in a cell, it moves no cursor. A table that does not fit is cut, wide columns first. */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], canvas: Canvas): string {
  const texts = rows.map((row) => row.map((cell) => escapeControl(textOf(cell))));
  const wide = columns.map(({ title }, index) =>
    Math.max(title.length, ...texts.map((row) => (row[index] ?? '').length)),
  );
  const widths = canvas.columns === undefined ? wide : fitting(columns, wide, canvas.columns);
  const { palette } = canvas;
  const head = line(columns, widths, (index) => columns[index]?.title ?? '');
  const body = texts.map((row, place) =>
    line(
      columns,
      widths,
      (index) => row[index] ?? '',
      (index, text) => colored(palette, rows[place]?.[index], text),
    ),
  );
  return [palette.head(head.trimEnd()), ...body.map((text) => text.trimEnd())].join('\n') + '\n';
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

function colored(palette: Palette, cell: Cell | undefined, text: string): string {
  return cell === undefined || typeof cell === 'string' ? text : palette.tone(cell.tone, text);
}

function line(
  columns: readonly Column[],
  widths: readonly number[],
  textAt: (index: number) => string,
  paint: (index: number, text: string) => string = (_, text) => text,
): string {
  return columns
    .map(({ align }, index) => {
      const width = widths[index] ?? 0;
      const text = cut(textAt(index), width);
      // The colour's own characters have no width.
      const space = ' '.repeat(width - text.length);
      return align === 'right' ? space + paint(index, text) : paint(index, text) + space;
    })
    .join(gap);
}

/** Takes from the widest of the columns that may be cut, one character after the other, until all fit or none can give. */
function fitting(columns: readonly Column[], wide: readonly number[], available: number): readonly number[] {
  const widths = [...wide];
  let over = widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1) - available;
  while (over > 0) {
    let widest: number | undefined;
    for (const [index, width] of widths.entries()) {
      if (columns[index]?.canShrink !== true || width <= leastWidth) continue;
      if (widest === undefined || width > (widths[widest] ?? 0)) widest = index;
    }
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over -= 1;
  }
  return widths;
}

/** Cuts the middle out of a text. */
export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  const kept = Math.max(1, width - 2);
  const front = Math.ceil(kept / 2);
  return `${text.slice(0, front)}..${text.slice(text.length - (kept - front))}`.slice(0, width);
}
