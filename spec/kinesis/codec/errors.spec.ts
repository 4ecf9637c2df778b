import { GetRecordsCommand } from '@aws-sdk/client-kinesis';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ScriptedAnswer, cborType, jsonType, scriptedClient } from './scripted-client.ts';
import { cborItem, usualStyle } from './wire-forms.ts';

/** What a caller of the SDK can see of an error. */
interface SeenError {
  readonly constructor: string;
  readonly name: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One client of each kind, since making one takes longer than all that is tested here. */
let answerNow: ScriptedAnswer = { chunks: [] };
const clients = {
  sdk: scriptedClient('sdk', () => answerNow),
  json: scriptedClient('json', () => answerNow),
  cbor: scriptedClient('cbor', () => answerNow),
};

async function errorOf(codec: keyof typeof clients, answer: ScriptedAnswer): Promise<SeenError> {
  answerNow = answer;
  const outcome: unknown = await clients[codec].client
    .send(new GetRecordsCommand({ ShardIterator: 'iterator' }))
    .catch((error: unknown) => error);
  if (!(outcome instanceof Error)) throw new Error('the call did not fail');
  const { name, message } = outcome;
  return { constructor: outcome.constructor.name, name, message, fields: Object.fromEntries(Object.entries(outcome)) };
}

const names = fc.oneof(
  fc.constantFrom(
    'AccessDeniedException',
    'ExpiredIteratorException',
    'InternalFailureException',
    'InvalidArgumentException',
    'KMSThrottlingException',
    'ProvisionedThroughputExceededException',
    'ResourceNotFoundException',
    'ValidationException',
    'ServiceUnavailable',
  ),
  fc.stringMatching(/^[A-Z][a-z]{2,12}Exception$/),
);

const errors = fc.record({
  status: fc.constantFrom(300, 400, 403, 404, 413, 429, 500, 503),
  name: names,
  prefix: fc.constantFrom('', 'com.amazonaws.kinesis#', 'com.amazon.coral.service#'),
  message: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
  messageName: fc.constantFrom('message', 'Message'),
  inHeader: fc.boolean(),
  more: fc.dictionary(fc.stringMatching(/^[a-z]{3,9}$/), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
    maxKeys: 2,
  }),
  requestId: fc.option(fc.uuid(), { nil: undefined }),
  retryAfter: fc.option(fc.constantFrom('1', '30'), { nil: undefined }),
});

type Model = typeof errors extends fc.Arbitrary<infer T> ? T : never;

function answerOf(
  model: Model,
  type: Readonly<Record<string, string>>,
  write: (tree: object) => Buffer,
): ScriptedAnswer {
  const { status, name, prefix, message, messageName, inHeader, more, requestId, retryAfter } = model;
  const tree = {
    ...more,
    ...(inHeader ? {} : { __type: `${prefix}${name}` }),
    ...(message === undefined ? {} : { [messageName]: message }),
  };
  const headers = {
    ...type,
    ...(inHeader ? { 'x-amzn-errortype': `${name}:http://internal` } : {}),
    ...(requestId === undefined ? {} : { 'x-amzn-requestid': requestId }),
    ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }),
  };
  return { status, headers, chunks: [write(tree)] };
}

const inJson = (tree: object) => Buffer.from(JSON.stringify(tree));
const inCbor = (tree: object) => cborItem(tree, usualStyle);

describe('a refusal of GetRecords', () => {
  it('is the same error by every codec: class, name, message, fields and metadata', async () => {
    await fc.assert(
      fc.asyncProperty(errors, async (model) => {
        // What is refused for its format is another matter; see the protocol's own spec.
        fc.pre(model.name !== 'SerializationException');
        const expected = await errorOf('sdk', answerOf(model, jsonType, inJson));
        expect(await errorOf('json', answerOf(model, jsonType, inJson))).toEqual(expected);
        expect(await errorOf('cbor', answerOf(model, jsonType, inJson))).toEqual(expected);
        expect(await errorOf('cbor', answerOf(model, cborType, inCbor))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  it('is a fault of its kind by every codec', async () => {
    const kinds = {
      ProvisionedThroughputExceededException: 'throttled',
      ExpiredIteratorException: 'iteratorExpired',
      AccessDeniedException: 'denied',
      InternalFailureException: 'transient',
    };
    for (const [name, kind] of Object.entries(kinds)) {
      const tree = { __type: name, message: 'no' };
      const json = scriptedClient('json', () => ({ status: 400, chunks: [inJson(tree)] }));
      await expect(json.getRecords()).rejects.toMatchObject({ kind });
      const cbor = scriptedClient('cbor', () => ({ status: 400, headers: cborType, chunks: [inCbor(tree)] }));
      await expect(cbor.getRecords()).rejects.toMatchObject({ kind });
    }
  });

  it('that is no error of the service, but of something before it, is judged by its status', async () => {
    const kinds = { 403: 'denied', 429: 'throttled', 400: 'transient', 502: 'transient' };
    for (const [status, kind] of Object.entries(kinds)) {
      const answer = {
        status: Number(status),
        headers: { 'content-type': 'text/html' },
        chunks: [Buffer.from('<html>')],
      };
      for (const codec of ['sdk', 'json', 'cbor'] as const) {
        await expect(scriptedClient(codec, () => answer).getRecords()).rejects.toMatchObject({ kind });
      }
    }
  });

  it('without a body, or with one that is no error, is an error all the same', async () => {
    for (const chunks of [[], [Buffer.from('<html>')], [Buffer.from('[]')], [Buffer.from('null')], [Buffer.of(0xff)]]) {
      for (const headers of [jsonType, cborType, {}]) {
        const answer = { status: 503, headers, chunks };
        for (const codec of ['json', 'cbor'] as const) {
          await expect(scriptedClient(codec, () => answer).getRecords()).rejects.toMatchObject({ kind: 'transient' });
        }
      }
    }
  });
});
