import { type Attribute, type Item, compareAttributes, contentOf, equalAttributes, typeOf } from './attribute.ts';
import type { Comparator, Condition, Operand } from './condition-parser.ts';
import { valueAt } from './path.ts';
import type { Bindings } from './scope.ts';

/** Whether a condition that `checkCondition` has let pass holds of an item; `undefined` is an item that does not exist. */
export function holds(condition: Condition, item: Item | undefined, bindings: Bindings): boolean {
  const resolve = (operand: Operand) => valueOf(operand, item, bindings);
  switch (condition.kind) {
    case 'and':
      return condition.parts.every((part) => holds(part, item, bindings));
    case 'or':
      return condition.parts.some((part) => holds(part, item, bindings));
    case 'not':
      return !holds(condition.part, item, bindings);
    case 'compare':
      return compares(condition.comparator, resolve(condition.left), resolve(condition.right));
    case 'between': {
      const value = resolve(condition.value);
      return compares('>=', value, resolve(condition.low)) && compares('<=', value, resolve(condition.high));
    }
    case 'in': {
      const value = resolve(condition.value);
      return condition.list.some((one) => compares('=', value, resolve(one)));
    }
    case 'exists':
      return (valueAt(item, bindings.path(condition.path)) !== undefined) === condition.exists;
    case 'type':
      return isOfType(valueAt(item, bindings.path(condition.path)), bindings.value(condition.type));
    case 'beginsWith':
      return beginsWith(resolve(condition.value), resolve(condition.prefix));
    case 'contains':
      return contains(resolve(condition.value), resolve(condition.part));
  }
}

function valueOf(operand: Operand, item: Item | undefined, bindings: Bindings): Attribute | undefined {
  switch (operand.kind) {
    case 'path':
      return valueAt(item, bindings.path(operand.path));
    case 'value':
      return bindings.value(operand.placeholder);
    case 'size': {
      const value = valueAt(item, bindings.path(operand.path));
      const size = value === undefined ? undefined : sizeOf(value);
      return size === undefined ? undefined : { N: String(size) };
    }
  }
}

/** The size() of a value; numbers, booleans and NULL have none. */
function sizeOf(value: Attribute): number | undefined {
  if ('S' in value) return value.S.length;
  if ('B' in value) return Buffer.byteLength(value.B, 'base64');
  if ('N' in value || 'BOOL' in value || 'NULL' in value) return undefined;
  return Object.keys(contentOf(value) as object).length;
}

/** The comparison of two values. What is not there is equal to nothing, and neither less nor greater. */
export function compares(comparator: Comparator, left: Attribute | undefined, right: Attribute | undefined): boolean {
  if (comparator === '=' || comparator === '<>') {
    const same = left !== undefined && right !== undefined && equalAttributes(left, right);
    return same === (comparator === '=');
  }
  if (left === undefined || right === undefined) return false;
  const order = compareAttributes(left, right);
  if (order === undefined) return false;
  switch (comparator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** Whether a text or byte string begins with another. */
export function beginsWith(value: Attribute | undefined, prefix: Attribute | undefined): boolean {
  if (value === undefined || prefix === undefined) return false;
  if ('S' in value && 'S' in prefix) return value.S.startsWith(prefix.S);
  if (!('B' in value && 'B' in prefix)) return false;
  const start = Buffer.from(prefix.B, 'base64');
  return Buffer.from(value.B, 'base64').subarray(0, start.length).equals(start);
}

function contains(value: Attribute | undefined, part: Attribute | undefined): boolean {
  if (value === undefined || part === undefined) return false;
  if ('S' in value) return 'S' in part && value.S.includes(part.S);
  if ('B' in value) return 'B' in part && Buffer.from(value.B, 'base64').includes(Buffer.from(part.B, 'base64'));
  if ('L' in value) return value.L.some((element) => equalAttributes(element, part));
  if ('SS' in value) return 'S' in part && value.SS.includes(part.S);
  if ('NS' in value) return 'N' in part && value.NS.includes(part.N);
  if ('BS' in value) return 'B' in part && value.BS.includes(part.B);
  return false;
}

function isOfType(value: Attribute | undefined, type: Attribute): boolean {
  return value !== undefined && typeOf(value) === contentOf(type);
}
