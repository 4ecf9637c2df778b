import { validationError } from './attribute.ts';

/** A piece of an expression. */
export interface Token {
  readonly kind: 'name' | 'placeholder' | 'value' | 'number' | 'sign' | 'end';
  readonly text: string;
  readonly at: number;
}

const pattern =
  /\s*(?:(?<name>[A-Za-z_][\w]*)|(?<placeholder>#[\w]+)|(?<value>:[\w]+)|(?<number>\d+)|(?<sign><>|<=|>=|[=<>(),.[\]+-]))/y;

/** DynamoDB's greatest expression. */
const maxExpressionBytes = 4_096;

/** Reads an expression piece by piece; `what` names it in refusals, such as `ConditionExpression`. */
export class TokenReader {
  readonly what: string;
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(text: string, what: string) {
    this.what = what;
    this.#text = text;
    if (text.length === 0) throw validationError(`Invalid ${what}: The expression can not be empty;`);
    if (text.length > maxExpressionBytes) {
      throw validationError(`Invalid ${what}: Expression size has exceeded the maximum allowed size;`);
    }
    this.#tokens = this.#split();
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)] as Token;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#next += 1;
    return token;
  }

  /** Takes a sign if it is the next piece. */
  takeSign(text: string): boolean {
    const token = this.peek();
    if (token.kind !== 'sign' || token.text !== text) return false;
    this.#next += 1;
    return true;
  }

  /** Takes a word, in capitals or not, if it is the next piece. */
  takeWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.#next += 1;
    return true;
  }

  isWord(word: string): boolean {
    const token = this.peek();
    return token.kind === 'name' && token.text.toUpperCase() === word;
  }

  expectSign(text: string): void {
    if (!this.takeSign(text)) this.fail();
  }

  /** Refuses the expression for its next piece. */
  fail(token: Token = this.peek()): never {
    const near = this.#text.slice(Math.max(0, token.at - 10), token.at + 10);
    throw validationError(
      `Invalid ${this.what}: Syntax error; token: "${token.kind === 'end' ? '<EOF>' : token.text}", near: "${near}"`,
    );
  }

  #split(): readonly Token[] {
    const tokens: Token[] = [];
    const text = this.#text.trimEnd();
    pattern.lastIndex = 0;
    while (pattern.lastIndex < text.length) {
      const from = pattern.lastIndex;
      const match = pattern.exec(text);
      if (match === null) return this.fail({ kind: 'sign', text: text.slice(from).trim().charAt(0), at: from });
      const [kind, piece] = Object.entries(match.groups ?? {}).find((group) => group[1] !== undefined) ?? [];
      tokens.push({ kind: kind as Token['kind'], text: piece ?? '', at: pattern.lastIndex - (piece?.length ?? 0) });
    }
    return [...tokens, { kind: 'end', text: '', at: text.length }];
  }
}
