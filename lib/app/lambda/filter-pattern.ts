import { type Matches, RuleError, compileRule } from './filter-rule.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Compiles a filter pattern by the rules of Lambda's event filtering: every field of the pattern must match, one rule of
 * a field's array is enough, `$or` holds patterns of which one is enough. `path` is where it stands, for messages.
 * @throws RuleError for what is no pattern, naming the field
 */
export function compilePattern(pattern: unknown, path: readonly string[] = []): Matches {
  if (Array.isArray(pattern)) return compileRules(pattern, path);
  if (!isFields(pattern)) throw new RuleError(`${shown(path)} is neither an object nor an array of rules`);
  const fields = Object.entries(pattern).map(([name, inner]) => compileField(name, inner, path));
  if (fields.length === 0) throw new RuleError(`${shown(path)} is empty`);
  return onAnyObject((value) => fields.every((matches) => matches(value)));
}

function compileField(name: string, inner: unknown, path: readonly string[]): (value: Fields) => boolean {
  if (name === '$or') {
    if (!Array.isArray(inner) || inner.length === 0)
      throw new RuleError(`${shown([...path, name])} is no array of patterns`);
    const choices = inner.map((choice) => compilePattern(choice, [...path, name]));
    return (value) => choices.some((matches) => matches(value));
  }
  const matches = compilePattern(inner, [...path, name]);
  return (value) => matches(Object.hasOwn(value, name) ? value[name] : undefined);
}

function compileRules(rules: readonly unknown[], path: readonly string[]): Matches {
  if (rules.length === 0) throw new RuleError(`${shown(path)} has no rule`);
  try {
    const compiled = rules.map((rule) => compileRule(rule));
    return (value) => compiled.some((matches) => matches(value));
  } catch (thrown) {
    if (thrown instanceof RuleError) throw new RuleError(`${shown(path)}: ${thrown.message}`);
    throw thrown;
  }
}

/** What is no object has no fields: `exists: false` matches there. Of an array of objects one is enough. */
function onAnyObject(matches: (value: Fields) => boolean): Matches {
  return (value) => {
    if (Array.isArray(value) && value.some(isFields)) return value.some((one) => isFields(one) && matches(one));
    return matches(isFields(value) ? value : {});
  };
}

/** Whether a value is an object with fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(path: readonly string[]): string {
  return path.length === 0 ? 'the pattern' : path.join('.');
}
