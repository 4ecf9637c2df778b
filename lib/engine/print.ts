import { inspect } from 'node:util';
import { escapeControl } from '../base/text.ts';

/** How deep objects are shown. */
const shownDepth = 4;

const ruler = '-'.repeat(43);

/**
 * The text of one `print()`: Spark's header with the batch time, an item a line, `...` when there are more than
 * `limit`, and an empty line. Give it one item more than the limit. Control characters come out escaped.
 */
export function renderPrint(batchTimeMillis: number, items: readonly unknown[], limit: number): string {
  const lines = [ruler, `Time: ${batchTimeMillis} ms`, ruler];
  for (const item of items.slice(0, limit)) lines.push(escapeControl(renderItem(item)));
  if (items.length > limit) lines.push('...');
  return `${lines.join('\n')}\n\n`;
}

/** Texts as they are, pairs as `(key,value)` like Spark's tuples, objects as Node shows them, on one line. */
function renderItem(item: unknown): string {
  if (Array.isArray(item)) return `(${item.map((each) => renderItem(each)).join(',')})`;
  if (item !== null && typeof item === 'object') {
    return inspect(item, { depth: shownDepth, breakLength: Number.POSITIVE_INFINITY, compact: true });
  }
  return String(item);
}
