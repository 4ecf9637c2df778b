/** Whether a value, `undefined` when it is absent, satisfies a rule. */
export type Matches = (value: unknown) => boolean;

/** Says why a rule is none; the caller knows where it stands. */
export class RuleError extends Error {
  override readonly name = 'RuleError';
}

const operators: Readonly<Record<string, (operand: unknown) => Matches>> = {
  prefix: (operand) => onText(operand, 'prefix', (value, text) => value.startsWith(text)),
  suffix: (operand) => onText(operand, 'suffix', (value, text) => value.endsWith(text)),
  'equals-ignore-case': (operand) =>
    onText(operand, 'equals-ignore-case', (value, text) => value.toLowerCase() === text.toLowerCase()),
  exists: (operand) => {
    if (typeof operand !== 'boolean') throw new RuleError('exists takes true or false');
    return (value) => isLeaf(value) === operand;
  },
  numeric: (operand) => onAnyElement(numeric(operand)),
  'anything-but': (operand) => anythingBut(operand),
};

/**
 * Compiles one rule of a filter pattern, an element of its array: a text, number, boolean or null to be equal to, or an
 * object with one operator. An array in the record matches when one of its elements does.
 * @throws RuleError for anything else
 */
export function compileRule(rule: unknown): Matches {
  if (rule === null || ['string', 'number', 'boolean'].includes(typeof rule)) {
    return onAnyElement((value) => value === rule);
  }
  if (typeof rule !== 'object' || Array.isArray(rule)) throw new RuleError('a rule is a value or an object');
  const [[name, operand] = ['', undefined], ...others] = Object.entries(rule);
  const operator = Object.hasOwn(operators, name) ? operators[name] : undefined;
  if (operator === undefined || others.length > 0) {
    throw new RuleError(`a rule has one of the operators ${Object.keys(operators).join(', ')}`);
  }
  return operator(operand);
}

/** Whether there is a value, and no object: those have no value of their own, and neither has an array of nothing else. */
function isLeaf(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0 || value.some(isLeaf);
  return value !== undefined && (value === null || typeof value !== 'object');
}

function onAnyElement(matches: Matches): Matches {
  return (value) => (Array.isArray(value) ? value.some((element) => matches(element)) : matches(value));
}

function onText(operand: unknown, name: string, holds: (value: string, text: string) => boolean): Matches {
  if (typeof operand !== 'string') throw new RuleError(`${name} takes a text`);
  return onAnyElement((value) => typeof value === 'string' && holds(value, operand));
}

function anythingBut(operand: unknown): Matches {
  const rules: unknown[] = Array.isArray(operand) ? operand : [operand];
  if (rules.length === 0) throw new RuleError('anything-but takes a value, an array of values, or a prefix or suffix');
  const forbidden = rules.map((rule) => compileRule(rule));
  return onAnyElement((value) => value !== undefined && !forbidden.some((matches) => matches(value)));
}

const comparisons: Readonly<Record<string, (value: number, limit: number) => boolean>> = {
  '=': (value, limit) => value === limit,
  '<': (value, limit) => value < limit,
  '<=': (value, limit) => value <= limit,
  '>': (value, limit) => value > limit,
  '>=': (value, limit) => value >= limit,
};

/** `["=", 5]`, `[">", 0]` or `[">=", 0, "<", 100]`. */
function numeric(operand: unknown): Matches {
  const parts: unknown[] = Array.isArray(operand) ? operand : [];
  if (parts.length !== 2 && parts.length !== 4) throw new RuleError(numericForm);
  const tests = [parts.slice(0, 2), parts.slice(2)].filter((pair) => pair.length > 0).map(comparisonOf);
  return (value) => typeof value === 'number' && tests.every((test) => test(value));
}

const numericForm = 'numeric takes ["=", 5], [">", 0] or [">=", 0, "<", 100]';

function comparisonOf([operator, limit]: readonly unknown[]): (value: number) => boolean {
  const compare =
    typeof operator === 'string' && Object.hasOwn(comparisons, operator) ? comparisons[operator] : undefined;
  if (compare === undefined || typeof limit !== 'number') throw new RuleError(numericForm);
  return (value) => compare(value, limit);
}
