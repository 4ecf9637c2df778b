import { type Attribute, type Item, validationError } from './attribute.ts';
import type { Path, Scope } from './scope.ts';
import { reservedWords } from './reserved-words.ts';
import type { TokenReader } from './tokens.ts';

/** Reads `a`, `#a`, `a.b`, `a[1].#c` and the like. */
export function readPath(reader: TokenReader, scope: Pick<Scope, 'useName'>): Path {
  const path: (string | number)[] = [readName(reader, scope)];
  for (;;) {
    if (reader.takeSign('.')) path.push(readName(reader, scope));
    else if (reader.takeSign('[')) {
      const token = reader.take();
      if (token.kind !== 'number') reader.fail(token);
      path.push(Number(token.text));
      reader.expectSign(']');
    } else return path;
  }
}

function readName(reader: TokenReader, scope: Pick<Scope, 'useName'>): string {
  const token = reader.take();
  if (token.kind === 'placeholder') scope.useName(token.text);
  else if (token.kind !== 'name') reader.fail(token);
  else if (reservedWords.has(token.text.toUpperCase())) {
    throw validationError(
      `Invalid ${reader.what}: Attribute name is a reserved keyword; reserved keyword: ${token.text}`,
    );
  }
  return token.text;
}

/** The value at a path of real names; `undefined` when there is none. */
export function valueAt(item: Item | undefined, path: Path): Attribute | undefined {
  let value: Attribute | undefined = item?.[path[0] as string];
  for (let depth = 1; depth < path.length && value !== undefined; depth += 1) value = childOf(value, path[depth]);
  return value;
}

/** A copy of the item with another value at a path, or (without a value) with none. */
export function withValueAt(item: Item, path: Path, value: Attribute | undefined): Item {
  const [name, ...rest] = path as readonly [string, ...Path];
  const changed = rest.length === 0 ? value : replaced(item[name], rest, value);
  if (changed !== undefined) return { ...item, [name]: changed };
  const { [name]: _, ...others } = item;
  return others;
}

function childOf(value: Attribute, segment: string | number | undefined): Attribute | undefined {
  if (typeof segment === 'number') return 'L' in value ? value.L[segment] : undefined;
  return 'M' in value && segment !== undefined && Object.hasOwn(value.M, segment) ? value.M[segment] : undefined;
}

function replaced(parent: Attribute | undefined, path: Path, value: Attribute | undefined): Attribute {
  const [segment, ...rest] = path;
  if (parent !== undefined && typeof segment === 'string' && 'M' in parent) {
    return { M: withValueAt(parent.M, path, value) };
  }
  if (parent !== undefined && typeof segment === 'number' && 'L' in parent) {
    const place = Math.min(segment, parent.L.length);
    const changed = rest.length === 0 ? value : replaced(parent.L[place], rest, value);
    return { L: parent.L.toSpliced(place, 1, ...(changed === undefined ? [] : [changed])) };
  }
  throw validationError('The document path provided in the update expression is invalid for update');
}
