import { MillraceError } from '../base/error.ts';

/**
 * An item as one line of JSON; bigints become text. `where` is named in the refusal.
 * @throws MillraceError `MR_CONFIG_INVALID` for what JSON does not have: `undefined`, functions, symbols
 */
export function jsonLine(item: unknown, where: string): string {
  const line: unknown = JSON.stringify(item, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  if (typeof line === 'string') return line;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${where} was given ${typeof item}, which JSON does not have: map the stream to what it has first`,
  );
}
