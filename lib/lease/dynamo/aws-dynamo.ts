import {
  type AttributeValue,
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  type ProvisionedThroughput,
  type ProvisionedThroughputDescription,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
  type UpdateItemCommandOutput,
  UpdateTableCommand,
} from '@aws-sdk/client-dynamodb';
import type { ScanConsistency } from '../lease-table.ts';
import { messageOf } from '../../base/error.ts';
import { LeanCall } from '../../base/lean-call.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { dynamoFault, transactionFault } from './dynamo-fault.ts';
import { type DynamoItem, wireForm } from './item.ts';
import { identityOf } from './table-identity.ts';
import { type TableShape, keyedBy, ownerIndex } from './table-shape.ts';
import type { ScanSegment } from './scan-segments.ts';
import type { ConditionParameters, UpdateParameters } from './update-expression.ts';

/** The part of a table's description that Millrace looks at. */
export interface TableDescription {
  readonly status: string;
  /** See `identityOf`. */
  readonly identity: string;
  /** `name:HASH` and `name:RANGE`, in order. */
  readonly keySchema: readonly string[];
  /** Capacity of a table that is not billed by request; an index added to it needs its own. */
  readonly provisioned?: ProvisionedThroughput;
  /** As the service counts it every six hours; absent when it does not say. */
  readonly sizeBytes?: number;
  /** Status by index name; only an ACTIVE index can be asked. */
  readonly indexStatus: ReadonlyMap<string, string>;
  /** `name:S` and the like, for all attributes that are part of a key. */
  readonly attributes: readonly string[];
}

/** What became of a conditional call: done with the item as it is now, or refused (with the old item where the service tells it). */
export type ConditionalOutcome =
  | { readonly done: true; readonly item: DynamoItem | undefined }
  | { readonly done: false; readonly item: DynamoItem | undefined };

/** One put of a transaction; each may be of another table of the account and region. */
export interface TransactPut {
  readonly tableName: string;
  readonly item: DynamoItem;
  readonly condition?: ConditionParameters;
}

/** What became of a transaction: all of it done, or nothing, because the conditions at these places did not hold. */
export type TransactOutcome = { readonly done: true } | { readonly done: false; readonly refused: readonly number[] };

/** One page of a scan or query. */
export interface ItemPage {
  readonly items: readonly DynamoItem[];
  readonly next: DynamoItem | undefined;
}

/**
 * The DynamoDB calls that the lease table uses, as one attempt each: the only file that names the DynamoDB client.
 * A failed call rejects with a MillraceError (see `dynamo-fault.ts`); a refused condition is an outcome, not an error.
 */
export class AwsDynamo {
  readonly tableName: string;
  readonly #client: DynamoDBClient;
  /** For heartbeats, which are nearly all that a worker asks of its table. */
  readonly #leanUpdate: LeanCall;

  /** Adds a middleware to the client that looks at its updates of this table. */
  constructor(client: DynamoDBClient, tableName: string, random: Random = systemRandom) {
    this.#client = client;
    this.tableName = tableName;
    this.#leanUpdate = new LeanCall({ config: client.config, random });
    this.#learnUpdates();
  }

  #learnUpdates(): void {
    this.#client.middlewareStack.add(
      (next, context) => async (args) => {
        const result = await next(args);
        // A table that is named by its ARN may be asked at another place.
        const { TableName } = args.input as UpdateItemCommandInput;
        if (context['commandName'] === 'UpdateItemCommand' && TableName === this.tableName) {
          this.#leanUpdate.learn({ request: args.request, response: result.response, context });
        }
        return result;
      },
      { step: 'deserialize', priority: 'low' },
    );
  }

  /** The table's description, or `undefined` when there is no such table. */
  async describeTable(signal: AbortSignal): Promise<TableDescription | undefined> {
    try {
      const answer = await this.#call(signal, (options) =>
        this.#client.send(new DescribeTableCommand({ TableName: this.tableName }), options),
      );
      return {
        status: answer.Table?.TableStatus ?? 'UNKNOWN',
        identity: identityOf(answer.Table),
        keySchema: (answer.Table?.KeySchema ?? []).map((key) => `${key.AttributeName}:${key.KeyType}`),
        attributes: (answer.Table?.AttributeDefinitions ?? []).map((a) => `${a.AttributeName}:${a.AttributeType}`),
        ...provisionedOf(answer.Table?.ProvisionedThroughput),
        ...(answer.Table?.TableSizeBytes === undefined ? {} : { sizeBytes: answer.Table.TableSizeBytes }),
        indexStatus: new Map(
          (answer.Table?.GlobalSecondaryIndexes ?? []).map((index) => [index.IndexName ?? '', index.IndexStatus ?? '']),
        ),
      };
    } catch (thrown) {
      if (isNamed((thrown as Error).cause, 'ResourceNotFoundException')) return undefined;
      throw thrown;
    }
  }

  /** Creates the lease table with its owner index in one call; `false` when another worker has just done so. */
  createTable(indexName: string, signal: AbortSignal): Promise<boolean> {
    return this.#create(
      { ...keyedBy('leaseKey', 'leaseOwner'), GlobalSecondaryIndexes: [ownerIndex(indexName)] },
      signal,
    );
  }

  /** Creates a table with one text attribute as its key; `false` when another worker has just done so. */
  createKeyedTable(key: string, signal: AbortSignal): Promise<boolean> {
    return this.#create(keyedBy(key), signal);
  }

  async #create(table: TableShape, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#call(signal, (options) =>
        this.#client.send(
          new CreateTableCommand({ TableName: this.tableName, BillingMode: 'PAY_PER_REQUEST', ...table }),
          options,
        ),
      );
      return true;
    } catch (thrown) {
      if (isNamed((thrown as Error).cause, 'ResourceInUseException')) return false;
      throw thrown;
    }
  }

  /** Adds the owner index to a table that was made without one; nothing when another worker has just done so. */
  async addIndex(
    indexName: string,
    provisioned: ProvisionedThroughput | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await this.#call(signal, (options) =>
        this.#client.send(
          new UpdateTableCommand({
            TableName: this.tableName,
            AttributeDefinitions: [
              { AttributeName: 'leaseKey', AttributeType: 'S' },
              { AttributeName: 'leaseOwner', AttributeType: 'S' },
            ],
            GlobalSecondaryIndexUpdates: [
              {
                Create: {
                  ...ownerIndex(indexName),
                  ...(provisioned === undefined ? {} : { ProvisionedThroughput: provisioned }),
                },
              },
            ],
          }),
          options,
        ),
      );
    } catch (thrown) {
      const { cause } = thrown as Error;
      if (isNamed(cause, 'ResourceInUseException') || isNamed(cause, 'LimitExceededException')) return;
      if (isNamed(cause, 'ValidationException') && /already exists/i.test((cause as Error).message)) return;
      throw thrown;
    }
  }

  /** One page of a scan, or of one part of a parallel scan. */
  async scanPage(
    next: DynamoItem | undefined,
    isConsistent: boolean,
    signal: AbortSignal,
    segment: ScanSegment = { index: 0, total: 1 },
  ): Promise<ItemPage> {
    const answer = await this.#call(signal, (options) =>
      this.#client.send(
        new ScanCommand({
          TableName: this.tableName,
          ConsistentRead: isConsistent,
          ...(segment.total === 1 ? {} : { Segment: segment.index, TotalSegments: segment.total }),
          ...(next === undefined ? {} : { ExclusiveStartKey: toSdk(next) }),
        }),
        options,
      ),
    );
    return { items: (answer.Items ?? []).map(fromSdk), next: optionalItem(answer.LastEvaluatedKey) };
  }

  /**
   * One page of the owner index: keys only, and eventually consistent as every index is. `undefined` when the table has no
   * such index (one made by KCL 2 or earlier) or is still building it.
   */
  async queryOwnerPage(
    indexName: string,
    owner: string,
    next: DynamoItem | undefined,
    signal: AbortSignal,
  ): Promise<ItemPage | undefined> {
    try {
      const answer = await this.#call(signal, (options) =>
        this.#client.send(
          new QueryCommand({
            TableName: this.tableName,
            IndexName: indexName,
            KeyConditionExpression: '#leaseOwner = :owner',
            ExpressionAttributeNames: { '#leaseOwner': 'leaseOwner' },
            ExpressionAttributeValues: { ':owner': { S: owner } },
            ...(next === undefined ? {} : { ExclusiveStartKey: toSdk(next) }),
          }),
          options,
        ),
      );
      return { items: (answer.Items ?? []).map(fromSdk), next: optionalItem(answer.LastEvaluatedKey) };
    } catch (thrown) {
      const { cause } = thrown as Error;
      // "The table does not have the specified index", "Cannot read from backfilling global secondary index".
      if (isNamed(cause, 'ValidationException') && / index\b/.test(messageOf(cause))) return undefined;
      throw thrown;
    }
  }

  /** One row, consistently read unless told otherwise. */
  async getItem(
    key: DynamoItem,
    signal: AbortSignal,
    consistency: ScanConsistency = 'consistent',
  ): Promise<DynamoItem | undefined> {
    const ConsistentRead = consistency === 'consistent';
    const answer = await this.#call(signal, (options) =>
      this.#client.send(new GetItemCommand({ TableName: this.tableName, Key: toSdk(key), ConsistentRead }), options),
    );
    return optionalItem(answer.Item);
  }

  /** Puts a whole item in the place of what is there, on condition. */
  async putItem(item: DynamoItem, condition: ConditionParameters, signal: AbortSignal): Promise<ConditionalOutcome> {
    return this.#conditional(signal, async (options) => {
      await this.#client.send(
        new PutItemCommand({ TableName: this.tableName, Item: toSdk(item), ...conditionOf(condition) }),
        options,
      );
      return item;
    });
  }

  /** As {@link putItem}, but done it answers with the item that was there before. */
  async replaceItem(
    item: DynamoItem,
    condition: ConditionParameters,
    signal: AbortSignal,
  ): Promise<ConditionalOutcome> {
    return this.#conditional(signal, async (options) => {
      const { tableName: TableName } = this;
      const answer = await this.#client.send(
        new PutItemCommand({ TableName, Item: toSdk(item), ...conditionOf(condition), ReturnValues: 'ALL_OLD' }),
        options,
      );
      return optionalItem(answer.Attributes);
    });
  }

  /** One conditional, partial update of the row with that key; answers with the whole item after it. */
  async updateItem(
    key: string,
    update: UpdateParameters,
    signal: AbortSignal,
    keyName = 'leaseKey',
  ): Promise<ConditionalOutcome> {
    const input: UpdateItemCommandInput = {
      TableName: this.tableName,
      Key: { [keyName]: { S: key } },
      ...conditionOf(update),
      UpdateExpression: update.updateExpression,
      ReturnValues: 'ALL_NEW',
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
    return this.#conditional(signal, async (options) => {
      const answered = (await this.#leanUpdate.send(() => wireForm(input), signal)) as
        | UpdateItemCommandOutput
        | undefined;
      const answer = answered ?? (await this.#client.send(new UpdateItemCommand(input), options));
      return optionalItem(answer.Attributes);
    });
  }

  /**
   * Puts up to 100 items, all or none, each on its condition; this table's name is that of faults.
   * @throws MillraceError `MR_THROTTLED` when another transaction is at one of the items, or the capacity is used up
   */
  async putTogether(puts: readonly TransactPut[], signal: AbortSignal): Promise<TransactOutcome> {
    const TransactItems = puts.map(({ tableName, item, condition }) => ({
      Put: { TableName: tableName, Item: toSdk(item), ...(condition === undefined ? {} : conditionOf(condition)) },
    }));
    try {
      await this.#client.send(new TransactWriteItemsCommand({ TransactItems }), { abortSignal: signal });
      return { done: true };
    } catch (thrown) {
      if (!isNamed(thrown, 'TransactionCanceledException')) throw dynamoFault(thrown, this.tableName, signal);
      const { CancellationReasons = [] } = thrown as { CancellationReasons?: readonly { Code?: string }[] };
      const codes = CancellationReasons.map(({ Code = 'None' }) => Code);
      const refused = [...codes.keys()].filter((index) => codes[index] === 'ConditionalCheckFailed');
      if (refused.length > 0) return { done: false, refused };
      throw transactionFault(thrown, { tableName: this.tableName, codes });
    }
  }

  /** Deletes a row on condition. */
  async deleteItem(key: DynamoItem, condition: ConditionParameters, signal: AbortSignal): Promise<ConditionalOutcome> {
    return this.#conditional(signal, async (options) => {
      await this.#client.send(
        new DeleteItemCommand({ TableName: this.tableName, Key: toSdk(key), ...conditionOf(condition) }),
        options,
      );
      return undefined;
    });
  }

  async #conditional(
    signal: AbortSignal,
    send: (options: { abortSignal: AbortSignal }) => Promise<DynamoItem | undefined>,
  ): Promise<ConditionalOutcome> {
    try {
      return { done: true, item: await send({ abortSignal: signal }) };
    } catch (thrown) {
      if (isNamed(thrown, 'ConditionalCheckFailedException')) {
        return { done: false, item: optionalItem((thrown as { Item?: Record<string, AttributeValue> }).Item) };
      }
      throw dynamoFault(thrown, this.tableName, signal);
    }
  }

  async #call<T>(signal: AbortSignal, send: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    try {
      return await send({ abortSignal: signal });
    } catch (thrown) {
      throw dynamoFault(thrown, this.tableName, signal);
    }
  }
}

function isNamed(thrown: unknown, name: string): boolean {
  return typeof thrown === 'object' && thrown !== null && (thrown as { name?: unknown }).name === name;
}

function provisionedOf(throughput: ProvisionedThroughputDescription | undefined) {
  const { ReadCapacityUnits = 0, WriteCapacityUnits = 0 } = throughput ?? {};
  return ReadCapacityUnits > 0 ? { provisioned: { ReadCapacityUnits, WriteCapacityUnits } } : {};
}

function conditionOf({ conditionExpression, names, values }: ConditionParameters) {
  return {
    ConditionExpression: conditionExpression,
    ExpressionAttributeNames: { ...names },
    ...(Object.keys(values).length > 0 ? { ExpressionAttributeValues: toSdk(values) } : {}),
  };
}

function toSdk(item: DynamoItem): Record<string, AttributeValue> {
  return item as unknown as Record<string, AttributeValue>;
}

function fromSdk(item: Record<string, AttributeValue>): DynamoItem {
  return item as unknown as DynamoItem;
}

function optionalItem(item: Record<string, AttributeValue> | undefined): DynamoItem | undefined {
  return item === undefined || Object.keys(item).length === 0 ? undefined : fromSdk(item);
}
