import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

/** A column of a table. */
export interface Column<T> {
  readonly title: string;
  /** What the heading means, where it is not plain. */
  readonly hint?: string;
  readonly cell: (entry: T) => ComponentChildren;
  /** What the column is sorted by; absent: it cannot be. */
  readonly sortBy?: (entry: T) => number | string;
  /** Figures stand to the right. */
  readonly isNumber?: boolean;
  /** Takes the room that is left. */
  readonly isWide?: boolean;
}

/** What a table shows. */
export interface TableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly entries: readonly T[];
  readonly keyOf: (entry: T) => string;
  /** Said instead of rows. */
  readonly empty: string;
  /** What Enter or a click on a row does. */
  readonly onOpen?: (entry: T) => void;
  /** Searched by the field above the table; absent: there is none. */
  readonly searchText?: (entry: T) => string;
  readonly rowTone?: (entry: T) => 'good' | 'warn' | 'bad' | undefined;
  /** At most so many rows are seen at once; the rest is scrolled to. */
  readonly visibleRows?: number;
}

const rowHeight = 34;

/** Rows beyond the edges, so that a quick scroll shows no gap. */
const overscan = 4;

interface Sorting {
  readonly column: number;
  readonly isDown: boolean;
}

/**
 * A table that has rows for what is seen only: a thousand shards cost as many elements as twenty. Arrow keys, Page Up and
 * Down, Home and End move the chosen row, Enter opens it.
 */
export function Table<T>(props: TableProps<T>): JSX.Element {
  const { columns, entries, label, searchText, visibleRows = 14 } = props;
  const [sorting, setSorting] = useState<Sorting>();
  const [search, setSearch] = useState('');
  const shown = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    const found =
      searchText === undefined || wanted === ''
        ? entries
        : entries.filter((entry) => searchText(entry).toLowerCase().includes(wanted));
    return sorted(found, columns, sorting);
  }, [entries, search, sorting]);
  return (
    <div class="table-box">
      {searchText !== undefined && (
        <div class="table-tools">
          <input
            type="search"
            placeholder="Filter"
            aria-label={`Filter ${label}`}
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
          <span class="muted" role="status">
            {shown.length === entries.length ? `${entries.length}` : `${shown.length} of ${entries.length}`}
          </span>
        </div>
      )}
      <Rows {...props} entries={shown} visibleRows={visibleRows} sorting={sorting} onSort={setSorting} />
    </div>
  );
}

interface RowsProps<T> extends TableProps<T> {
  readonly visibleRows: number;
  readonly sorting: Sorting | undefined;
  readonly onSort: (sorting: Sorting | undefined) => void;
}

function Rows<T>(props: RowsProps<T>): JSX.Element {
  const { label, columns, entries, keyOf, empty, onOpen, visibleRows, sorting, onSort } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [chosen, setChosen] = useState(-1);
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight), entries.length - visibleRows) - overscan);
  const last = Math.min(entries.length, first + visibleRows + 2 * overscan);
  const scroll = useFrame(() => setTop(box.current?.scrollTop ?? 0));
  const choose = (row: number) => {
    const next = Math.max(0, Math.min(entries.length - 1, row));
    setChosen(next);
    keepInSight(box.current, next);
  };
  return (
    <div
      class="table-scroll"
      ref={box}
      tabIndex={0}
      role="region"
      aria-label={label}
      onScroll={scroll}
      onKeyDown={(event) =>
        onKey(event, {
          chosen,
          rows: entries.length,
          page: visibleRows,
          choose,
          open: () => {
            const entry = entries[chosen];
            if (entry !== undefined) onOpen?.(entry);
          },
        })
      }
      style={{ maxHeight: `${(visibleRows + 1) * rowHeight + 2}px` }}
    >
      <table aria-rowcount={entries.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column, index) => (
              <Heading key={column.title} column={column} index={index} sorting={sorting} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <Gap height={first * rowHeight} columns={columns.length} />}
          {entries.slice(first, last).map((entry, index) => (
            <Row
              key={keyOf(entry)}
              {...props}
              entry={entry}
              row={first + index}
              isChosen={first + index === chosen}
              choose={setChosen}
            />
          ))}
          {last < entries.length && <Gap height={(entries.length - last) * rowHeight} columns={columns.length} />}
          {entries.length === 0 && (
            <tr>
              <td class="empty" colSpan={columns.length}>
                {empty}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function Row<T>({
  columns,
  entry,
  row,
  isChosen,
  choose,
  onOpen,
  rowTone,
}: RowsProps<T> & {
  readonly entry: T;
  readonly row: number;
  readonly isChosen: boolean;
  readonly choose: (row: number) => void;
}): JSX.Element {
  const tone = rowTone?.(entry);
  const classes = [
    isChosen ? 'chosen' : '',
    onOpen === undefined ? '' : 'opens',
    tone === undefined ? '' : `row-${tone}`,
  ];
  const open = () => {
    choose(row);
    onOpen?.(entry);
  };
  return (
    <tr class={classes.join(' ')} aria-rowindex={row + 2} aria-selected={isChosen} onClick={onOpen && open}>
      {columns.map((column) => (
        <td key={column.title} class={cellClass(column)}>
          {column.cell(entry)}
        </td>
      ))}
    </tr>
  );
}

function Heading<T>({
  column,
  index,
  sorting,
  onSort,
}: {
  readonly column: Column<T>;
  readonly index: number;
  readonly sorting: Sorting | undefined;
  readonly onSort: (sorting: Sorting | undefined) => void;
}): JSX.Element {
  const isSorted = sorting?.column === index;
  const direction = sorting?.isDown === true ? 'descending' : 'ascending';
  const next = () => {
    if (!isSorted) return onSort({ column: index, isDown: column.isNumber === true });
    return onSort(
      sorting.isDown === (column.isNumber === true) ? { column: index, isDown: !sorting.isDown } : undefined,
    );
  };
  return (
    <th class={cellClass(column)} scope="col" aria-sort={isSorted ? direction : undefined} title={column.hint}>
      {column.sortBy === undefined ? (
        column.title
      ) : (
        <button type="button" onClick={next}>
          {column.title}
          <span class="arrow" aria-hidden="true">
            {isSorted ? (sorting.isDown ? '▾' : '▴') : ''}
          </span>
        </button>
      )}
    </th>
  );
}

function Gap({ height, columns }: { readonly height: number; readonly columns: number }): JSX.Element {
  return (
    <tr aria-hidden="true" class="gap">
      <td colSpan={columns} style={{ height: `${height}px` }} />
    </tr>
  );
}

interface Keys {
  readonly chosen: number;
  readonly rows: number;
  readonly page: number;
  readonly choose: (row: number) => void;
  readonly open: () => void;
}

function onKey(event: KeyboardEvent, { chosen, rows, page, choose, open }: Keys): void {
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: chosen + 1,
    ArrowUp: chosen - 1,
    PageDown: chosen + page,
    PageUp: chosen - page,
    Home: 0,
    End: rows - 1,
  };
  const target = moves[event.key];
  if (target === undefined && event.key !== 'Enter') return;
  // A heading's button has keys of its own.
  if (event.target !== event.currentTarget) return;
  event.preventDefault();
  if (target === undefined) open();
  else choose(target);
}

/** The heading stands above the rows and covers some of them. */
function keepInSight(box: HTMLElement | null, row: number): void {
  if (box === null) return;
  const heading = box.querySelector('thead')?.clientHeight ?? rowHeight;
  const above = row * rowHeight;
  const below = (row + 1) * rowHeight + heading - box.clientHeight;
  if (box.scrollTop > above) box.scrollTop = above;
  else if (box.scrollTop < below) box.scrollTop = below;
}

function cellClass<T>({ isNumber, isWide }: Column<T>): string {
  return `${isNumber === true ? 'number' : ''} ${isWide === true ? 'wide' : ''}`.trim();
}

function sorted<T>(entries: readonly T[], columns: readonly Column<T>[], sorting: Sorting | undefined): readonly T[] {
  const by = sorting === undefined ? undefined : columns[sorting.column]?.sortBy;
  if (by === undefined || sorting === undefined) return entries;
  const sign = sorting.isDown ? -1 : 1;
  return entries.toSorted((a, b) => {
    const [one, other] = [by(a), by(b)];
    if (one === other) return 0;
    return one < other ? -sign : sign;
  });
}

/** At most once a frame, however often it is called. */
function useFrame(callback: () => void): () => void {
  const frame = useRef(0);
  const latest = useRef(callback);
  latest.current = callback;
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  return () => {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => latest.current());
  };
}
