import { validationError } from './attribute.ts';
import { readPath } from './path.ts';
import { type Path, Scope } from './scope.ts';
import { TokenReader } from './tokens.ts';

/** What SET computes. */
export type SetValue =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly placeholder: string }
  | { readonly kind: 'ifNotExists'; readonly path: Path; readonly otherwise: SetValue }
  | { readonly kind: 'append'; readonly first: SetValue; readonly second: SetValue }
  | { readonly kind: 'sum' | 'difference'; readonly left: SetValue; readonly right: SetValue };

/** One action of an update. */
export type UpdateAction =
  | { readonly kind: 'set'; readonly path: Path; readonly value: SetValue }
  | { readonly kind: 'remove'; readonly path: Path }
  | { readonly kind: 'add' | 'delete'; readonly path: Path; readonly placeholder: string };

/** An update, read. */
export interface ParsedUpdate {
  readonly actions: readonly UpdateAction[];
  readonly scope: Scope;
}

const clauses = ['SET', 'REMOVE', 'ADD', 'DELETE'] as const;

/**
 * Reads an update by DynamoDB's grammar: SET, REMOVE, ADD and DELETE, each at most once.
 * @throws ValidationException, naming the piece that is not understood
 */
export function parseUpdate(text: string): ParsedUpdate {
  const reader = new TokenReader(text, 'UpdateExpression');
  const parser = new UpdateParser(reader);
  const seen = new Set<string>();
  const actions: UpdateAction[] = [];
  do {
    const clause = clauses.find((word) => reader.takeWord(word));
    if (clause === undefined) return reader.fail();
    if (seen.has(clause)) {
      throw validationError(
        `Invalid UpdateExpression: The "${clause}" section can only be used once in an update expression;`,
      );
    }
    seen.add(clause);
    do actions.push(parser.action(clause));
    while (reader.takeSign(','));
  } while (reader.peek().kind !== 'end');
  return { actions, scope: parser.scope };
}

class UpdateParser {
  readonly scope = new Scope();
  readonly #reader: TokenReader;

  constructor(reader: TokenReader) {
    this.#reader = reader;
  }

  action(clause: (typeof clauses)[number]): UpdateAction {
    const path = readPath(this.#reader, this.scope);
    switch (clause) {
      case 'SET':
        this.#reader.expectSign('=');
        return { kind: 'set', path, value: this.#value() };
      case 'REMOVE':
        return { kind: 'remove', path };
      case 'ADD':
      case 'DELETE':
        return { kind: clause === 'ADD' ? 'add' : 'delete', path, placeholder: this.#placeholder() };
    }
  }

  #value(): SetValue {
    const left = this.#operand();
    if (this.#reader.takeSign('+')) return { kind: 'sum', left, right: this.#operand() };
    if (this.#reader.takeSign('-')) return { kind: 'difference', left, right: this.#operand() };
    return left;
  }

  #operand(): SetValue {
    if (this.#reader.takeSign('(')) {
      const inner = this.#value();
      this.#reader.expectSign(')');
      return inner;
    }
    const token = this.#reader.peek();
    if (token.kind === 'value') return { kind: 'value', placeholder: this.#placeholder() };
    if (token.kind === 'name' && this.#reader.peek(1).text === '(') return this.#call(this.#reader.take().text);
    return { kind: 'path', path: readPath(this.#reader, this.scope) };
  }

  #call(name: string): SetValue {
    this.#reader.expectSign('(');
    if (name === 'if_not_exists') {
      const path = readPath(this.#reader, this.scope);
      this.#reader.expectSign(',');
      const otherwise = this.#operand();
      this.#reader.expectSign(')');
      return { kind: 'ifNotExists', path, otherwise };
    }
    if (name !== 'list_append') {
      throw validationError(`Invalid UpdateExpression: Invalid function name; function: ${name}`);
    }
    const first = this.#operand();
    this.#reader.expectSign(',');
    const second = this.#operand();
    this.#reader.expectSign(')');
    return { kind: 'append', first, second };
  }

  #placeholder(): string {
    const token = this.#reader.take();
    if (token.kind !== 'value') this.#reader.fail(token);
    this.scope.useValue(token.text);
    return token.text;
  }
}
