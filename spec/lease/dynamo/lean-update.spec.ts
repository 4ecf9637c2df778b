import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AwsDynamo } from '../../../lib/lease/dynamo/aws-dynamo.ts';
import type { DynamoValue } from '../../../lib/lease/dynamo/item.ts';

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

const never = new AbortController().signal;
const row = { leaseKey: { S: 'shard-0' }, leaseCounter: { N: '8' } };
const update = (values: Readonly<Record<string, DynamoValue>>) => ({
  conditionExpression: '#a = :a',
  updateExpression: 'SET #a = :b',
  names: { '#a': 'leaseCounter' },
  values,
});

/** A client whose handler is a script, which also counts the calls that went through the layers of the SDK. */
class Script {
  readonly sent: Sent[] = [];
  bySdk = 0;
  status = 200;
  answer: object = { Attributes: row };
  readonly client = new DynamoDBClient({
    region: 'eu-west-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'one', secretAccessKey: 'two' },
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      handle: (request: Sent) => {
        this.sent.push(request);
        const headers = { 'content-type': 'application/x-amz-json-1.0' };
        const body = Buffer.from(JSON.stringify(this.answer));
        return Promise.resolve({ response: { statusCode: this.status, headers, body } });
      },
    } as never,
  });

  constructor() {
    this.client.middlewareStack.add(
      (next) => (args) => {
        this.bySdk += 1;
        return next(args);
      },
      { step: 'initialize' },
    );
  }

  get lastBody(): unknown {
    return JSON.parse(Buffer.from(this.sent.at(-1)?.body ?? '').toString()) as unknown;
  }
}

const { value: values } = fc.letrec<{ value: DynamoValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.record({ S: fc.string() }),
    fc.record({ N: fc.bigInt().map(String) }),
    fc.record({ B: fc.uint8Array() }),
    fc.record({ B: fc.uint8Array().map((bytes) => Buffer.from(bytes)) }),
    fc.record({ SS: fc.array(fc.string(), { minLength: 1, maxLength: 3 }) }),
    fc.record({ BOOL: fc.boolean() }),
    fc.constant({ NULL: true } as const),
    fc.record({ L: fc.array(tie('value'), { maxLength: 3 }) }),
    fc.record({ M: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie('value'), { maxKeys: 3 }) }),
  ),
}));

describe('an update past the layers of the SDK', () => {
  it('says what the SDK would have said, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.stringMatching(/^:[a-z]{1,5}$/), values, { maxKeys: 4 }), async (given) => {
        const script = new Script();
        const table = new AwsDynamo(script.client, 'leases');
        const outcomes = [];
        const bodies = [];
        for (let call = 0; call < 2; call += 1) {
          outcomes.push(await table.updateItem('shard-0', update(given), never));
          bodies.push(script.lastBody);
        }
        expect(script.bySdk).toBe(1);
        expect(bodies[1]).toEqual(bodies[0]);
        expect(outcomes).toEqual([
          { done: true, item: row },
          { done: true, item: row },
        ]);
      }),
      { numRuns: 30 },
    );
  });

  it('that is refused shows the row as it is, and the SDK makes the next one', async () => {
    const script = new Script();
    const table = new AwsDynamo(script.client, 'leases');
    const ask = () => table.updateItem('shard-0', update({ ':a': { N: '7' } }), never);
    await ask();
    script.status = 400;
    script.answer = { __type: 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException', Item: row };
    expect(await ask()).toEqual({ done: false, item: row });
    expect([script.bySdk, script.sent.length]).toEqual([1, 2]);
    expect(await ask()).toEqual({ done: false, item: row });
    expect([script.bySdk, script.sent.length]).toEqual([2, 3]);
    script.answer = { __type: 'ThrottlingException' };
    await expect(ask()).rejects.toMatchObject({ code: 'MR_THROTTLED' });
  });

  it('is learned from updates of the same table alone', async () => {
    const script = new Script();
    const [one, other] = ['leases', 'others'].map((name) => new AwsDynamo(script.client, name)) as [
      AwsDynamo,
      AwsDynamo,
    ];
    const ask = (table: AwsDynamo) => table.updateItem('shard-0', update({ ':a': { N: '7' } }), never);
    await ask(one);
    await ask(other);
    expect(script.bySdk).toBe(2);
    await ask(other);
    await ask(one);
    expect(script.bySdk).toBe(2);
    expect(script.lastBody).toMatchObject({ TableName: 'leases' });
  });
});
