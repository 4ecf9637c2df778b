import { type Attribute, typeOf, validationError } from './attribute.ts';
import type { Bindings, Path } from './scope.ts';
import type { ParsedUpdate, SetValue, UpdateAction } from './update-parser.ts';

/**
 * Refuses an update that no item could take: a path that lies in another one, a part of the key, a literal of a wrong
 * type. DynamoDB looks at these before it looks at the item. Answers the names of the changed attributes.
 */
export function checkUpdate(update: ParsedUpdate, bindings: Bindings, keyNames: readonly string[]): readonly string[] {
  const paths = update.actions.map((action) => bindings.path(action.path));
  for (const [index, one] of paths.entries()) {
    for (const other of paths.slice(index + 1)) refuseTogether(one, other);
  }
  for (const action of update.actions) checkAction(action, bindings);
  const names = paths.map((path) => String(path[0]));
  const keyName = keyNames.find((name) => names.includes(name));
  if (keyName === undefined) return names;
  throw validationError(
    `One or more parameter values were invalid: Cannot update attribute ${keyName}. This attribute is part of the key`,
  );
}

function refuseTogether(one: Path, other: Path): void {
  const depth = one.findIndex((segment, at) => segment !== other[at]);
  const isInside = depth < 0 || depth >= other.length;
  // `a.b` says that `a` is a map, `a[0]` that it is a list.
  const conflicts = !isInside && typeof one[depth] !== typeof other[depth];
  if (!isInside && !conflicts) return;
  throw validationError(
    `Invalid UpdateExpression: Two document paths ${conflicts ? 'conflict' : 'overlap'} with each other; must remove or rewrite one of these paths; path one: [${one.join(', ')}], path two: [${other.join(', ')}]`,
  );
}

function checkAction(action: UpdateAction, bindings: Bindings): void {
  switch (action.kind) {
    case 'set':
      checkSetValue(action.value, bindings);
      return;
    case 'add': {
      const value = bindings.value(action.placeholder);
      if (!('N' in value) && !isSet(value)) throw incorrectOperand('ADD', value);
      return;
    }
    case 'delete': {
      const value = bindings.value(action.placeholder);
      if (!isSet(value)) throw incorrectOperand('DELETE', value);
      return;
    }
    case 'remove':
      return;
  }
}

function checkSetValue(value: SetValue, bindings: Bindings): void {
  const literal = (part: SetValue) => (part.kind === 'value' ? bindings.value(part.placeholder) : undefined);
  switch (value.kind) {
    case 'sum':
    case 'difference':
      for (const part of [value.left, value.right]) {
        const operand = literal(part);
        if (operand !== undefined && !('N' in operand))
          throw incorrectOperand(value.kind === 'sum' ? '+' : '-', operand);
        checkSetValue(part, bindings);
      }
      return;
    case 'append':
      for (const part of [value.first, value.second]) {
        const operand = literal(part);
        if (operand !== undefined && !('L' in operand)) throw incorrectOperand('list_append', operand);
        checkSetValue(part, bindings);
      }
      return;
    case 'ifNotExists':
      checkSetValue(value.otherwise, bindings);
      return;
    case 'value':
    case 'path':
      return;
  }
}

function isSet(value: Attribute): boolean {
  return 'SS' in value || 'NS' in value || 'BS' in value;
}

function incorrectOperand(operator: string, value: Attribute): Error {
  return validationError(
    `Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: ${operator}, operand type: ${typeOf(value)}`,
  );
}
