import { type Attribute, compareAttributes, contentOf, typeOf, validationError } from './attribute.ts';
import type { Condition, Operand } from './condition-parser.ts';
import type { Bindings } from './scope.ts';

const comparableTypes: ReadonlySet<string> = new Set(['S', 'N', 'B']);
const allTypes = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'];

/**
 * Refuses a condition that could hold of no item whatever: DynamoDB looks at the values of the request before it looks at
 * the item. `what` names the expression in refusals.
 */
export function checkCondition(condition: Condition, bindings: Bindings, what: string): void {
  switch (condition.kind) {
    case 'and':
    case 'or':
      for (const part of condition.parts) checkCondition(part, bindings, what);
      return;
    case 'not':
      checkCondition(condition.part, bindings, what);
      return;
    default: {
      const problem = problemOf(condition, bindings);
      if (problem !== undefined) throw validationError(`Invalid ${what}: ${problem}`);
    }
  }
}

type Simple = Exclude<Condition, { kind: 'and' | 'or' | 'not' }>;

function problemOf(condition: Simple, bindings: Bindings): string | undefined {
  const literal = (operand: Operand) => (operand.kind === 'value' ? bindings.value(operand.placeholder) : undefined);
  const incomparable = (operator: string, operands: readonly Operand[]) => {
    const wrong = operands.map(literal).find((value) => value !== undefined && !comparableTypes.has(typeOf(value)));
    return wrong === undefined ? undefined : incorrectOperand(operator, wrong);
  };
  switch (condition.kind) {
    case 'compare': {
      const { comparator, left, right } = condition;
      if (isSamePath(left, right, bindings)) {
        return `The first operand must be distinct from the remaining operands for this operator or function; operator: ${comparator}`;
      }
      return comparator === '=' || comparator === '<>' ? undefined : incomparable(comparator, [left, right]);
    }
    case 'between': {
      const { low, high } = condition;
      return incomparable('BETWEEN', [low, high]) ?? disorder(literal(low), literal(high));
    }
    case 'type':
      return problemOfType(bindings.value(condition.type));
    case 'beginsWith': {
      const prefix = literal(condition.prefix);
      if (prefix === undefined || 'S' in prefix || 'B' in prefix) return undefined;
      return incorrectOperand('begins_with', prefix);
    }
    case 'in':
    case 'exists':
    case 'contains':
      return undefined;
  }
}

function problemOfType(type: Attribute): string | undefined {
  if (!('S' in type)) return incorrectOperand('attribute_type', type);
  if (allTypes.includes(type.S)) return undefined;
  return `Invalid attribute type name found; type: ${String(contentOf(type))}, valid types: {${allTypes.join(',')}}`;
}

function disorder(low: Attribute | undefined, high: Attribute | undefined): string | undefined {
  if (low === undefined || high === undefined || isOrdered(low, high)) return undefined;
  return 'The BETWEEN operator requires upper bound to be greater than or equal to lower bound';
}

function incorrectOperand(operator: string, value: Attribute): string {
  return `Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${typeOf(value)}`;
}

function isSamePath(one: Operand, other: Operand, bindings: Bindings): boolean {
  if (one.kind !== 'path' || other.kind !== 'path') return false;
  return JSON.stringify(bindings.path(one.path)) === JSON.stringify(bindings.path(other.path));
}

function isOrdered(low: Attribute, high: Attribute): boolean {
  const order = compareAttributes(low, high);
  return order !== undefined && order <= 0;
}
