import { type Attribute, type Item, readAttribute, validationError } from './attribute.ts';

/** A way into an item, as written: names (with `#` before a placeholder) and places in lists. */
export type Path = readonly (string | number)[];

/** The placeholders that an expression uses; found when it is read. */
export class Scope {
  readonly names = new Set<string>();
  readonly values = new Set<string>();

  useName(placeholder: string): void {
    this.names.add(placeholder);
  }

  useValue(placeholder: string): void {
    this.values.add(placeholder);
  }
}

/** What the placeholders of one request stand for. */
export class Bindings {
  readonly #names: Readonly<Record<string, string>>;
  readonly #values: Readonly<Record<string, Attribute>>;

  constructor(names: unknown, values: unknown) {
    this.#names = (names ?? {}) as Record<string, string>;
    const read = Object.entries(values ?? {}).map(([name, value]) => [name, readAttribute(value)]);
    this.#values = Object.fromEntries(read) as Item;
    if (names !== undefined && Object.keys(this.#names).length === 0) {
      throw validationError('ExpressionAttributeNames must not be empty');
    }
    if (values !== undefined && read.length === 0) {
      throw validationError('ExpressionAttributeValues must not be empty');
    }
  }

  value(placeholder: string): Attribute {
    const value = this.#values[placeholder];
    if (value === undefined) throw new TypeError(`${placeholder} was not checked`);
    return value;
  }

  /** The real names of a path. */
  path(path: Path): Path {
    return path.map((segment) =>
      typeof segment === 'string' && segment.startsWith('#') ? (this.#names[segment] as string) : segment,
    );
  }

  /** Refuses placeholders without a meaning, and meanings that no expression uses. */
  check(expressions: readonly { readonly what: string; readonly scope: Scope }[]): void {
    for (const { what, scope } of expressions) {
      for (const name of scope.names) {
        if (!Object.hasOwn(this.#names, name)) {
          throw validationError(
            `Invalid ${what}: An expression attribute name used in the document path is not defined; attribute name: ${name}`,
          );
        }
      }
      for (const value of scope.values) {
        if (!Object.hasOwn(this.#values, value)) {
          throw validationError(
            `Invalid ${what}: An expression attribute value used in expression is not defined; attribute value: ${value}`,
          );
        }
      }
    }
    this.#refuseUnused('ExpressionAttributeNames', Object.keys(this.#names), (name) =>
      expressions.some(({ scope }) => scope.names.has(name)),
    );
    this.#refuseUnused('ExpressionAttributeValues', Object.keys(this.#values), (name) =>
      expressions.some(({ scope }) => scope.values.has(name)),
    );
  }

  #refuseUnused(member: string, given: readonly string[], isUsed: (name: string) => boolean): void {
    const unused = given.filter((name) => !isUsed(name));
    if (unused.length > 0) {
      throw validationError(`Value provided in ${member} unused in expressions: keys: {${unused.join(', ')}}`);
    }
  }
}
