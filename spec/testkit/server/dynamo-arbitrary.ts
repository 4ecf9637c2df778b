import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';

/** An expression with the meanings of its placeholders. */
export interface Expression {
  readonly text: string;
  readonly names: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, AttributeValue>>;
}

/** One call on the only item of a table. */
export type Call =
  | { readonly kind: 'put'; readonly item: Record<string, AttributeValue>; readonly condition: Expression | undefined }
  | { readonly kind: 'update'; readonly update: Expression; readonly condition: Expression | undefined }
  | { readonly kind: 'delete'; readonly condition: Expression | undefined };

const names = ['alpha', 'beta', 'gamma'] as const;
const name = fc.constantFrom(...names);
const number = fc.constantFrom('0', '1', '-1', '2', '10', '0.5', '1.5', '123456789012345678901234567890');
const text = fc.constantFrom('', 'a', 'ab', 'b', 'é', '10');
const bytes = fc.constantFrom(Uint8Array.of(1), Uint8Array.of(1, 2), Uint8Array.of(255));

const scalar: fc.Arbitrary<AttributeValue> = fc.oneof(
  text.map((S) => ({ S })),
  number.map((N) => ({ N })),
  bytes.map((B) => ({ B })),
  fc.boolean().map((BOOL) => ({ BOOL })),
  fc.constant<AttributeValue>({ NULL: true }),
);

const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  fc.uniqueArray(text, { minLength: 1, maxLength: 3 }).map((SS) => ({ SS })),
  fc.uniqueArray(fc.constantFrom('1', '2', '10'), { minLength: 1 }).map((NS) => ({ NS })),
  fc.array(scalar, { maxLength: 3 }).map((L) => ({ L })),
  fc.dictionary(name, scalar, { maxKeys: 2 }).map((M) => ({ M })),
);

/** A path by placeholders or, being no reserved words, by the names themselves. */
const path: fc.Arbitrary<Expression> = fc
  .tuple(name, fc.boolean(), fc.constantFrom('', '.beta', '[0]', '[1]'))
  .map(([top, isPlain, rest]) => ({
    text: `${isPlain ? top : `#${top}`}${rest}`,
    names: isPlain ? {} : { [`#${top}`]: top },
    values: {},
  }));

let placeholders = 0;
const literalOf = (values: fc.Arbitrary<AttributeValue>): fc.Arbitrary<Expression> =>
  values.map((one) => {
    placeholders += 1;
    return { text: `:v${placeholders}`, names: {}, values: { [`:v${placeholders}`]: one } };
  });
const literal = literalOf(value);

function join(pieces: readonly (string | Expression)[]): Expression {
  const parts = pieces.map((piece) => (typeof piece === 'string' ? { text: piece, names: {}, values: {} } : piece));
  return {
    text: parts.map((part) => part.text).join(''),
    names: Object.assign({}, ...parts.map((part) => part.names)) as Record<string, string>,
    values: Object.assign({}, ...parts.map((part) => part.values)) as Record<string, AttributeValue>,
  };
}

const comparator = fc.constantFrom('=', '<>', '<', '<=', '>', '>=');

/** dynalite takes two paths that both lead to nothing for equal; DynamoDB does not. */
const twoPaths: fc.Arbitrary<Expression> = fc
  .tuple(path, comparator, path)
  .filter(([one, , other]) => one.text !== other.text)
  .map(([one, sign, other]) => join([one, sign, other]));

const simple = (withTwoPaths: boolean): fc.Arbitrary<Expression> =>
  fc.oneof(
    fc.tuple(path, fc.constantFrom('=', '<>'), literal).map(([one, sign, other]) => join([one, ` ${sign} `, other])),
    fc
      .tuple(
        path,
        comparator,
        literalOf(
          fc.oneof(
            text.map((S) => ({ S })),
            number.map((N) => ({ N })),
          ),
        ),
      )
      .map(([one, sign, other]) => join([one, sign, other])),
    ...(withTwoPaths ? [twoPaths] : []),
    fc.tuple(path, literal, literal).map(([one, a, b]) => join([one, ' IN (', a, ', ', b, ')'])),
    fc
      .tuple(path, fc.constantFrom(['1', '10'], ['0', '2'], ['2', '2']), fc.boolean())
      .map(([one, [low = '', high = '']]) =>
        join([
          one,
          ' BETWEEN ',
          { text: ':low', names: {}, values: { ':low': { N: low } } },
          ' AND ',
          { text: ':high', names: {}, values: { ':high': { N: high } } },
        ]),
      ),
    fc
      .tuple(fc.constantFrom('attribute_exists', 'attribute_not_exists'), path)
      .map(([call, one]) => join([call, '(', one, ')'])),
    fc
      .tuple(path, literalOf(fc.constantFrom('S', 'N', 'L', 'M', 'SS', 'BOOL').map((S) => ({ S }))))
      .map(([one, type]) => join(['attribute_type(', one, ', ', type, ')'])),
    fc
      .tuple(path, literalOf(text.filter((t) => t !== '').map((S) => ({ S }))))
      .map(([one, prefix]) => join(['begins_with(', one, ', ', prefix, ')'])),
    fc.tuple(path, literalOf(scalar)).map(([one, part]) => join(['contains(', one, ', ', part, ')'])),
    fc
      .tuple(path, comparator, literalOf(fc.constantFrom('0', '1', '2').map((N) => ({ N }))))
      .map(([one, sign, count]) => join(['size(', one, ') ', sign, ' ', count])),
  );

/** A condition of up to three levels. */
const condition = (withTwoPaths: boolean): fc.Arbitrary<Expression> =>
  fc.letrec<{ whole: Expression }>((tie) => ({
    whole: fc.oneof(
      { maxDepth: 2 },
      { weight: 3, arbitrary: simple(withTwoPaths) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(tie('whole'), fc.constantFrom(' AND ', ' OR ', ' and '), tie('whole'))
          .map(([one, word, other]) => join([one, word, other])),
      },
      { weight: 1, arbitrary: tie('whole').map((one) => join(['NOT (', one, ')'])) },
    ),
  })).whole;

const setValue: fc.Arbitrary<Expression> = fc.oneof(
  literal,
  path,
  fc.tuple(path, literal).map(([one, other]) => join(['if_not_exists(', one, ', ', other, ')'])),
  fc
    .tuple(path, fc.constantFrom(' + ', ' - '), literalOf(number.map((N) => ({ N }))))
    .map(([one, sign, amount]) => join([one, sign, amount])),
  fc
    .tuple(path, literalOf(fc.array(scalar, { maxLength: 2 }).map((L) => ({ L }))))
    .map(([one, more]) => join(['list_append(', one, ', ', more, ')'])),
);

const addend = literalOf(
  fc.oneof(
    number.map((N) => ({ N })),
    fc.uniqueArray(text, { minLength: 1, maxLength: 2 }).map((SS) => ({ SS })),
    fc.uniqueArray(fc.constantFrom('1', '2', '10'), { minLength: 1 }).map((NS) => ({ NS })),
  ),
);
const subtrahend = literalOf(fc.uniqueArray(text, { minLength: 1, maxLength: 3 }).map((SS) => ({ SS })));

const topPath: fc.Arbitrary<Expression> = path.filter((one) => !/[.[]/.test(one.text));

const clause: fc.Arbitrary<readonly [string, Expression]> = fc.oneof(
  fc.tuple(path, setValue).map(([one, other]) => ['SET', join([one, ' = ', other])] as const),
  path.map((one) => ['REMOVE', one] as const),
  fc.tuple(topPath, addend).map(([one, other]) => ['ADD', join([one, ' ', other])] as const),
  fc.tuple(topPath, subtrahend).map(([one, other]) => ['DELETE', join([one, ' ', other])] as const),
);

/** An update of one to three actions; some of them overlap and are refused. */
const update: fc.Arbitrary<Expression> = fc.array(clause, { minLength: 1, maxLength: 3 }).map((actions) => {
  const pieces: (string | Expression)[] = [];
  for (const word of ['SET', 'REMOVE', 'ADD', 'DELETE']) {
    const parts = actions.filter((action) => action[0] === word).map((action) => action[1]);
    for (const [index, part] of parts.entries()) pieces.push(index === 0 ? `${word} ` : ', ', part);
    if (parts.length > 0) pieces.push(' ');
  }
  return join(pieces);
});

const item = fc.dictionary(name, value, { maxKeys: 3 });
/** A call; updates are the most. `twoPaths` allows conditions that compare two paths. */
export function call({ twoPaths: withTwoPaths }: { readonly twoPaths: boolean }): fc.Arbitrary<Call> {
  const maybe = fc.option(condition(withTwoPaths), { nil: undefined, freq: 2 });
  return fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('put' as const), item, condition: maybe }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('update' as const), update, condition: maybe }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), condition: maybe }) },
  );
}
