import {
  type AttributeValue,
  CreateTableCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { expect } from 'vitest';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import { dynamoClient } from './aws-clients.ts';
import { type Call, type Expression, call } from './dynamo-arbitrary.ts';

/** What a service answered: attributes, or the name of the refusal. */
type Answer = { readonly attributes: unknown } | { readonly refusal: string };

/** One row of one table of a service. */
class OneRow {
  readonly #client: DynamoDBClient;
  readonly #target: { readonly TableName: string; readonly Key: { readonly id: { readonly S: string } } };

  constructor(client: DynamoDBClient, TableName: string, id: string) {
    this.#client = client;
    this.#target = { TableName, Key: { id: { S: id } } };
  }

  static async createTable(client: DynamoDBClient, TableName: string): Promise<void> {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      }),
    );
  }

  async perform(call: Call): Promise<Answer> {
    try {
      return { attributes: normal(await this.#send(call)) };
    } catch (thrown) {
      return { refusal: (thrown as Error).name };
    }
  }

  async read(): Promise<unknown> {
    const { Item } = await this.#client.send(new GetItemCommand({ ...this.#target, ConsistentRead: true }));
    return normal(Item);
  }

  async #send(call: Call): Promise<Record<string, AttributeValue> | undefined> {
    const { TableName, Key } = this.#target;
    switch (call.kind) {
      case 'put': {
        const Item = { ...call.item, ...Key };
        const input = { TableName, Item, ReturnValues: 'ALL_OLD' as const, ...parameters(call.condition) };
        return (await this.#client.send(new PutItemCommand(input))).Attributes;
      }
      case 'update': {
        const input = {
          ...this.#target,
          UpdateExpression: call.update.text,
          ReturnValues: 'ALL_NEW' as const,
          ...parameters(call.condition, call.update),
        };
        return (await this.#client.send(new UpdateItemCommand(input))).Attributes;
      }
      case 'delete': {
        const input = { ...this.#target, ReturnValues: 'ALL_OLD' as const, ...parameters(call.condition) };
        return (await this.#client.send(new DeleteItemCommand(input))).Attributes;
      }
    }
  }
}

function parameters(condition: Expression | undefined, update?: Expression) {
  const names = { ...condition?.names, ...update?.names };
  const values = { ...condition?.values, ...update?.values };
  return {
    ...(condition === undefined ? {} : { ConditionExpression: condition.text }),
    ...(Object.keys(names).length === 0 ? {} : { ExpressionAttributeNames: names }),
    ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
  };
}

/**
 * Makes the same calls to the fake and to another DynamoDB, `runs` times a few on a new row, and compares every answer: the
 * attributes, or the name of the refusal. Fails with the calls that tell them apart.
 */
export async function expectAgreement(
  other: { readonly endpoint: string },
  options: { readonly runs: number; readonly twoPaths: boolean },
): Promise<void> {
  await using aws = await startFakeAws();
  const clients = [dynamoClient(aws), dynamoClient(other)] as const;
  let rows = 0;
  try {
    for (const client of clients) await OneRow.createTable(client, 'agreement');
    const property = fc.asyncProperty(fc.array(call(options), { minLength: 1, maxLength: 6 }), async (calls) => {
      rows += 1;
      const [mine, theirs] = clients.map((client) => new OneRow(client, 'agreement', String(rows))) as [OneRow, OneRow];
      for (const one of calls) expect(await mine.perform(one)).toEqual(await theirs.perform(one));
      expect(await mine.read()).toEqual(await theirs.read());
    });
    // Fixed, since what it draws meets the other's own faults too.
    await fc.assert(property, { seed: 1, numRuns: options.runs });
  } finally {
    for (const client of clients) client.destroy();
  }
}

/** Without what says nothing: the order of sets and of attributes, and the class of bytes. */
function normal(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [
    name,
    (name === 'SS' || name === 'NS') && Array.isArray(member) ? member.map(String).sort() : normal(member),
  ]);
  return Object.fromEntries(members.toSorted((a, b) => (a[0] < b[0] ? -1 : 1)));
}
