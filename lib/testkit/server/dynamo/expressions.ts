import { type Item, validationError } from './attribute.ts';
import { checkCondition } from './condition-check.ts';
import { type Condition, parseCondition } from './condition-parser.ts';
import { holds } from './condition.ts';
import { readPath, valueAt, withValueAt } from './path.ts';
import { Bindings, type Path, Scope } from './scope.ts';
import { TokenReader } from './tokens.ts';
import { type ParsedUpdate, parseUpdate } from './update-parser.ts';

/** Read expressions that are kept, by their text: clients send the same few ones again and again. */
const maxKept = 1_000;

const conditions = new Map<string, ReturnType<typeof parseCondition>>();
const updates = new Map<string, ParsedUpdate>();

/** The expressions of one request with what their placeholders stand for. */
export interface Expressions {
  readonly bindings: Bindings;
  readonly condition: Condition | undefined;
  readonly filter: Condition | undefined;
  readonly keyCondition: Condition | undefined;
  readonly update: ParsedUpdate | undefined;
  readonly projection: readonly Path[] | undefined;
}

/** Members from before there were expressions. */
const legacyMembers = [
  'Expected',
  'AttributeUpdates',
  'ConditionalOperator',
  'KeyConditions',
  'QueryFilter',
  'ScanFilter',
  'AttributesToGet',
];

/**
 * Reads all expressions of a request and checks their placeholders.
 * @throws ValidationException for what DynamoDB refuses, and for the legacy members, which the fake does not have
 */
export function readExpressions(request: Readonly<Record<string, unknown>>): Expressions {
  const legacy = legacyMembers.find((member) => request[member] !== undefined);
  if (legacy !== undefined) throw validationError(`this fake AWS does not have the legacy member ${legacy}`);
  const scopes: { what: string; scope: Scope }[] = [];
  const read = <T extends { readonly scope: Scope }>(what: string, parse: (text: string) => T): T | undefined => {
    const text = request[what];
    if (typeof text !== 'string') return undefined;
    const parsed = parse(text);
    scopes.push({ what, scope: parsed.scope });
    return parsed;
  };
  const condition = (what: string) =>
    read(what, (text) => kept(conditions, `${what} ${text}`, () => parseCondition(text, what)))?.condition;
  const expressions = {
    condition: condition('ConditionExpression'),
    filter: condition('FilterExpression'),
    keyCondition: condition('KeyConditionExpression'),
    update: read('UpdateExpression', (text) => kept(updates, text, () => parseUpdate(text))),
    projection: read('ProjectionExpression', parseProjection)?.paths,
  };
  const bindings = new Bindings(request['ExpressionAttributeNames'], request['ExpressionAttributeValues']);
  bindings.check(scopes);
  for (const [what, one] of Object.entries({
    ConditionExpression: expressions.condition,
    FilterExpression: expressions.filter,
    KeyConditionExpression: expressions.keyCondition,
  })) {
    if (one !== undefined) checkCondition(one, bindings, what);
  }
  return { ...expressions, bindings };
}

/** Whether the condition of a request holds; one that has none always does. */
export function conditionHolds(expressions: Expressions, item: Item | undefined): boolean {
  return expressions.condition === undefined || holds(expressions.condition, item, expressions.bindings);
}

/** The part of an item that a projection asks for. */
export function projected(item: Item, { projection, bindings }: Expressions): Item {
  if (projection === undefined) return item;
  let part: Item = {};
  for (const path of projection.map((one) => bindings.path(one))) {
    const value = valueAt(item, path);
    if (value === undefined) continue;
    if (path.length > 1) throw validationError('this fake AWS projects whole attributes only, not parts of them');
    part = withValueAt(part, path, value);
  }
  return part;
}

function parseProjection(text: string): { readonly paths: readonly Path[]; readonly scope: Scope } {
  const reader = new TokenReader(text, 'ProjectionExpression');
  const scope = new Scope();
  const paths = [readPath(reader, scope)];
  while (reader.takeSign(',')) paths.push(readPath(reader, scope));
  if (reader.peek().kind !== 'end') reader.fail();
  return { paths, scope };
}

function kept<T>(map: Map<string, T>, text: string, make: () => T): T {
  const known = map.get(text);
  if (known !== undefined) return known;
  const made = make();
  if (map.size >= maxKept) map.clear();
  map.set(text, made);
  return made;
}
