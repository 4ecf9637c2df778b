import { validationError } from './attribute.ts';
import { readPath } from './path.ts';
import { type Path, Scope } from './scope.ts';
import { TokenReader } from './tokens.ts';

/** How two values may be compared. */
export type Comparator = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** What is compared. */
export type Operand =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly placeholder: string }
  | { readonly kind: 'size'; readonly path: Path };

/** A condition, a filter, or a condition of keys. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly part: Condition }
  | { readonly kind: 'compare'; readonly comparator: Comparator; readonly left: Operand; readonly right: Operand }
  | { readonly kind: 'between'; readonly value: Operand; readonly low: Operand; readonly high: Operand }
  | { readonly kind: 'in'; readonly value: Operand; readonly list: readonly Operand[] }
  | { readonly kind: 'exists'; readonly path: Path; readonly exists: boolean }
  | { readonly kind: 'type'; readonly path: Path; readonly type: string }
  | { readonly kind: 'beginsWith'; readonly value: Operand; readonly prefix: Operand }
  | { readonly kind: 'contains'; readonly value: Operand; readonly part: Operand };

const comparators: ReadonlySet<string> = new Set<Comparator>(['=', '<>', '<', '<=', '>', '>=']);
/** Deeper conditions are refused; DynamoDB counts operators instead (300). */
const maxDepth = 100;

/**
 * Reads a condition by DynamoDB's grammar: `or` binds less than `and`, that less than `not`.
 * @throws ValidationException, naming the piece that is not understood
 */
export function parseCondition(text: string, what: string): { readonly condition: Condition; readonly scope: Scope } {
  const parser = new ConditionParser(new TokenReader(text, what));
  return { condition: parser.whole(), scope: parser.scope };
}

class ConditionParser {
  readonly scope = new Scope();
  readonly #reader: TokenReader;
  #depth = 0;

  constructor(reader: TokenReader) {
    this.#reader = reader;
  }

  whole(): Condition {
    const condition = this.#or();
    if (this.#reader.peek().kind !== 'end') this.#reader.fail();
    return condition;
  }

  #or(): Condition {
    const parts = [this.#and()];
    while (this.#reader.takeWord('OR')) parts.push(this.#and());
    return parts.length === 1 ? (parts[0] as Condition) : { kind: 'or', parts };
  }

  #and(): Condition {
    const parts = [this.#not()];
    while (this.#reader.takeWord('AND')) parts.push(this.#not());
    return parts.length === 1 ? (parts[0] as Condition) : { kind: 'and', parts };
  }

  #not(): Condition {
    this.#depth += 1;
    if (this.#depth > maxDepth)
      throw validationError(`Invalid ${this.#reader.what}: more than ${maxDepth} levels deep`);
    try {
      if (this.#reader.takeWord('NOT')) return { kind: 'not', part: this.#not() };
      if (!this.#reader.takeSign('(')) return this.#simple();
      const inner = this.#or();
      this.#reader.expectSign(')');
      return inner;
    } finally {
      this.#depth -= 1;
    }
  }

  #simple(): Condition {
    const called = this.#call();
    if (called !== undefined) return called;
    const left = this.#operand();
    if (this.#reader.takeWord('BETWEEN')) {
      const low = this.#operand();
      if (!this.#reader.takeWord('AND')) this.#reader.fail();
      return { kind: 'between', value: left, low, high: this.#operand() };
    }
    if (this.#reader.takeWord('IN')) return { kind: 'in', value: left, list: this.#list() };
    const token = this.#reader.take();
    if (token.kind !== 'sign' || !comparators.has(token.text)) this.#reader.fail(token);
    return { kind: 'compare', comparator: token.text as Comparator, left, right: this.#operand() };
  }

  #list(): readonly Operand[] {
    this.#reader.expectSign('(');
    const list = [this.#operand()];
    while (this.#reader.takeSign(',')) list.push(this.#operand());
    this.#reader.expectSign(')');
    return list;
  }

  /** A function that is a condition by itself; their names are in small letters only. */
  #call(): Condition | undefined {
    const name = this.#reader.peek().text;
    if (this.#reader.peek().kind !== 'name' || this.#reader.peek(1).text !== '(' || name === 'size') return undefined;
    this.#reader.take();
    this.#reader.take();
    const condition = this.#arguments(name);
    this.#reader.expectSign(')');
    return condition;
  }

  #arguments(name: string): Condition {
    switch (name) {
      case 'attribute_exists':
      case 'attribute_not_exists':
        return { kind: 'exists', path: readPath(this.#reader, this.scope), exists: name === 'attribute_exists' };
      case 'attribute_type': {
        const path = readPath(this.#reader, this.scope);
        this.#reader.expectSign(',');
        const type = this.#operand();
        if (type.kind !== 'value') return this.#reader.fail();
        return { kind: 'type', path, type: type.placeholder };
      }
      case 'begins_with': {
        const [value, prefix] = this.#two();
        return { kind: 'beginsWith', value, prefix };
      }
      case 'contains': {
        const [value, part] = this.#two();
        return { kind: 'contains', value, part };
      }
      default:
        throw validationError(`Invalid ${this.#reader.what}: Invalid function name; function: ${name}`);
    }
  }

  #two(): readonly [Operand, Operand] {
    const first = this.#operand();
    this.#reader.expectSign(',');
    return [first, this.#operand()];
  }

  #operand(): Operand {
    const token = this.#reader.peek();
    if (token.kind === 'value') {
      this.#reader.take();
      this.scope.useValue(token.text);
      return { kind: 'value', placeholder: token.text };
    }
    if (token.text === 'size' && this.#reader.peek(1).text === '(') {
      this.#reader.take();
      this.#reader.take();
      const path = readPath(this.#reader, this.scope);
      this.#reader.expectSign(')');
      return { kind: 'size', path };
    }
    return { kind: 'path', path: readPath(this.#reader, this.scope) };
  }
}
