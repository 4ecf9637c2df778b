import { type Attribute, compareAttributes, contentOf, typeOf, validationError } from './attribute.ts';
import type { Condition, Operand } from './condition-parser.ts';
import type { Bindings } from './scope.ts';

const comparableTypes: ReadonlySet<string> = new Set(['S', 'N', 'B']);
const allTypes = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'];

/**
 * Refuses a condition that could hold of no item whatever: DynamoDB looks at the values of the request before it looks at
 * the item.
 */
export function checkCondition(condition: Condition, bindings: Bindings, what: string): void {
  const literal = (operand: Operand) => (operand.kind === 'value' ? bindings.value(operand.placeholder) : undefined);
  const refuse = (why: string) => validationError(`Invalid ${what}: ${why}`);
  const mustCompare = (operator: string, operands: readonly Operand[]) => {
    const wrong = operands.map(literal).find((value) => value !== undefined && !comparableTypes.has(typeOf(value)));
    if (wrong !== undefined) throw refuse(incorrectOperand(operator, wrong));
  };
  switch (condition.kind) {
    case 'and':
    case 'or':
      for (const part of condition.parts) checkCondition(part, bindings, what);
      return;
    case 'not':
      checkCondition(condition.part, bindings, what);
      return;
    case 'compare': {
      const { comparator, left, right } = condition;
      if (isSamePath(left, right, bindings)) {
        throw refuse(
          `The first operand must be distinct from the remaining operands for this operator or function; operator: ${comparator}`,
        );
      }
      if (comparator !== '=' && comparator !== '<>') mustCompare(comparator, [left, right]);
      return;
    }
    case 'between': {
      mustCompare('BETWEEN', [condition.low, condition.high]);
      const [low, high] = [literal(condition.low), literal(condition.high)];
      if (low !== undefined && high !== undefined && !isOrdered(low, high)) {
        throw refuse('The BETWEEN operator requires upper bound to be greater than or equal to lower bound');
      }
      return;
    }
    case 'type': {
      const type = bindings.value(condition.type);
      if (!('S' in type)) throw refuse(incorrectOperand('attribute_type', type));
      if (!allTypes.includes(type.S)) {
        throw refuse(
          `Invalid attribute type name found; type: ${String(contentOf(type))}, valid types: {${allTypes.join(',')}}`,
        );
      }
      return;
    }
    case 'beginsWith': {
      const prefix = literal(condition.prefix);
      if (prefix !== undefined && !('S' in prefix || 'B' in prefix)) {
        throw refuse(incorrectOperand('begins_with', prefix));
      }
      return;
    }
    case 'in':
    case 'exists':
    case 'contains':
      return;
  }
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
