import {
  type Attribute,
  type Item,
  addNumbers,
  contentOf,
  decimalOf,
  setOf,
  typeOf,
  validationError,
} from './attribute.ts';
import { formatDecimal, negate } from './decimal.ts';
import { valueAt, withValueAt } from './path.ts';
import type { Bindings, Path } from './scope.ts';
import type { ParsedUpdate, SetValue, UpdateAction } from './update-parser.ts';

/** The item after an update that `checkUpdate` has let pass. All values are computed from the item before it. */
export function updated(before: Item, update: ParsedUpdate, bindings: Bindings): Item {
  let item = before;
  // Elements of lists are removed from the last to the first, so that each place still means what it meant before.
  for (const action of update.actions.toSorted(byPlaceInList)) item = applied(item, before, action, bindings);
  return item;
}

function applied(item: Item, before: Item, action: UpdateAction, bindings: Bindings): Item {
  const path = bindings.path(action.path);
  switch (action.kind) {
    case 'set':
      return withValueAt(item, path, computed(action.value, before, bindings));
    case 'remove':
      return path.length > 1 && valueAt(item, path) === undefined
        ? untouched(item, path)
        : withValueAt(item, path, undefined);
    case 'add':
      return withValueAt(item, path, added(valueAt(before, path), bindings.value(action.placeholder)));
    case 'delete': {
      const value = valueAt(before, path);
      const without = value === undefined ? undefined : subtracted(value, bindings.value(action.placeholder));
      return value === undefined ? item : withValueAt(item, path, without);
    }
  }
}

/** To remove what is not there changes nothing, but what should hold it must be a map or list. */
function untouched(item: Item, path: Path): Item {
  const parent = valueAt(item, path.slice(0, -1));
  if (parent !== undefined && (typeof path.at(-1) === 'number' ? 'L' in parent : 'M' in parent)) return item;
  throw validationError('The document path provided in the update expression is invalid for update');
}

function computed(value: SetValue, before: Item, bindings: Bindings): Attribute {
  switch (value.kind) {
    case 'value':
      return bindings.value(value.placeholder);
    case 'path': {
      const found = valueAt(before, bindings.path(value.path));
      if (found !== undefined) return found;
      throw validationError('The provided expression refers to an attribute that does not exist in the item');
    }
    case 'ifNotExists':
      return valueAt(before, bindings.path(value.path)) ?? computed(value.otherwise, before, bindings);
    case 'append': {
      const first = computed(value.first, before, bindings);
      const second = computed(value.second, before, bindings);
      if ('L' in first && 'L' in second) return { L: [...first.L, ...second.L] };
      throw incorrectType();
    }
    case 'sum':
    case 'difference': {
      const left = computed(value.left, before, bindings);
      const right = computed(value.right, before, bindings);
      if (!('N' in left && 'N' in right)) throw incorrectType();
      const summand = value.kind === 'sum' ? right.N : formatDecimal(negate(decimalOf(right.N)));
      return { N: addNumbers(left.N, summand) };
    }
  }
}

function added(value: Attribute | undefined, more: Attribute): Attribute {
  const type = typeOf(more);
  if (value === undefined) return more;
  if ('N' in value && 'N' in more) return { N: addNumbers(value.N, more.N) };
  if (typeOf(value) !== type || type === 'N') throw incorrectType();
  return setOf(type, [...new Set([...textsOf(value), ...textsOf(more)])]);
}

function subtracted(value: Attribute, less: Attribute): Attribute | undefined {
  if (typeOf(value) !== typeOf(less)) throw incorrectType();
  const gone = new Set(textsOf(less));
  const rest = textsOf(value).filter((text) => !gone.has(text));
  return rest.length === 0 ? undefined : setOf(typeOf(value), rest);
}

function textsOf(set: Attribute): readonly string[] {
  return contentOf(set) as readonly string[];
}

function incorrectType(): Error {
  return validationError('An operand in the update expression has an incorrect data type');
}

function byPlaceInList(one: UpdateAction, other: UpdateAction): number {
  if (one.kind !== 'remove' || other.kind !== 'remove')
    return Number(one.kind === 'remove') - Number(other.kind === 'remove');
  const place = (action: UpdateAction) => (typeof action.path.at(-1) === 'number' ? Number(action.path.at(-1)) : -1);
  return place(other) - place(one);
}
