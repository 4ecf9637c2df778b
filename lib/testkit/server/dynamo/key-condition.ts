import { type Attribute, validationError } from './attribute.ts';
import type { Condition, Operand } from './condition-parser.ts';
import { beginsWith, compares } from './condition.ts';
import type { KeySchema } from './schema.ts';
import type { Bindings } from './scope.ts';

/** The rows that a query asks for: those of one hash key whose range key is accepted. */
export interface KeyCondition {
  readonly hash: Attribute;
  readonly accepts: (range: Attribute | undefined) => boolean;
}

/**
 * Reads a condition of keys: `hash = :value`, alone or AND one condition on the range key.
 * @throws ValidationException for anything else
 */
export function readKeyCondition(condition: Condition, keys: KeySchema, bindings: Bindings): KeyCondition {
  const parts = condition.kind === 'and' ? condition.parts : [condition];
  const named = (operand: Operand) => (operand.kind === 'path' ? bindings.path(operand.path).join('.') : undefined);
  let hash: Attribute | undefined;
  let accepts: KeyCondition['accepts'] = () => true;
  for (const part of parts) {
    if (part.kind === 'compare' && part.comparator === '=' && named(part.left) === keys.hash) {
      hash = literal(part.right, bindings);
    } else {
      const subject = subjectOf(part);
      if (subject === undefined || keys.range === undefined || named(subject) !== keys.range) {
        throw validationError('Query key condition not supported');
      }
      accepts = rangeTest(part, bindings);
    }
  }
  if (hash === undefined) throw validationError(`Query condition missed key schema element: ${keys.hash}`);
  if (parts.length > 2) throw validationError('Conditions can be of length 1 or 2 only');
  return { hash, accepts };
}

function subjectOf(part: Condition): Operand | undefined {
  if (part.kind === 'compare') return part.left;
  return part.kind === 'between' || part.kind === 'beginsWith' ? part.value : undefined;
}

function rangeTest(part: Condition, bindings: Bindings): KeyCondition['accepts'] {
  switch (part.kind) {
    case 'compare': {
      const value = literal(part.right, bindings);
      if (part.comparator === '<>') throw validationError('Unsupported operator on KeyCondition: <>');
      return (range) => compares(part.comparator, range, value);
    }
    case 'between': {
      const low = literal(part.low, bindings);
      const high = literal(part.high, bindings);
      return (range) => compares('>=', range, low) && compares('<=', range, high);
    }
    case 'beginsWith': {
      const prefix = literal(part.prefix, bindings);
      return (range) => beginsWith(range, prefix);
    }
    default:
      throw validationError('Query key condition not supported');
  }
}

function literal(operand: Operand, bindings: Bindings): Attribute {
  if (operand.kind === 'value') return bindings.value(operand.placeholder);
  throw validationError('Invalid KeyConditionExpression: a key is compared with a value of the request only');
}
