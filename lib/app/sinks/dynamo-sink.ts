import { systemClock } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import { systemRandom } from '../../base/random.ts';
import { retryWhilePassing } from '../../base/retry.ts';
import { type Sink, type SinkContext, fencedError } from '../../engine/sink/sink.ts';
import { namePartOf } from '../../engine/store/object-store.ts';
import { AwsDynamo, type TransactPut } from '../../lease/dynamo/aws-dynamo.ts';
import type { DynamoItem, DynamoValue } from '../../lease/dynamo/item.ts';
import { checkKey, openTable } from '../../lease/dynamo/open-table.ts';
import { type ClientOptions, createClients } from '../clients.ts';
import { itemBytes, toItem } from './attribute-value.ts';

/** Options of {@link dynamoSink}. */
export interface DynamoSinkOptions<T> {
  /** The table that takes the items; it must be there. */
  readonly tableName: string;
  /**
   * The row that an item of the stream becomes: texts, numbers, bigints, booleans, null, bytes, arrays, plain objects, sets
   * of texts. It takes the place of the row of its key. `undefined` writes nothing.
   */
  readonly item: (item: T) => Readonly<Record<string, unknown>> | undefined;
  /**
   * The table of the sink's own marks, made when it is not there: `<tableName>-Millrace`. In the same account and region.
   */
  readonly markerTableName?: string;
  /**
   * Default `true`: each batch is planned, so that a row that belongs to one batch (a window, a count of the batch) is
   * written again as it was. `false` saves a write for each commit where every row holds all of its key, such as a state.
   */
  readonly repeatable?: boolean;
  /** Region, keys and endpoint; default: the SDK's own chain. */
  readonly region?: string;
  readonly credentials?: NonNullable<ClientOptions['credentials']>;
  readonly dynamoDBEndpoint?: string;
}

/** DynamoDB takes 100 items and 4 MB in one transaction; one of the items is the mark. */
const mostItems = 99;
const mostBytes = 3_500_000;

const markKey = 'writer';

/**
 * A sink that puts each item of a batch as a row into a DynamoDB table, by its key: an upsert. Rows go in transactions of
 * up to 99 together with a mark of the group's fence and batch id, on condition that the mark is not greater: so a batch
 * that is given again shows once, and a process that is no longer the holder writes nothing (`MR_SINK_FENCED`). Of several
 * rows of one key in a batch the last is written. A batch of more rows than a transaction takes is seen part by part.
 * Guarantee: idempotent. Writes cost two write units for each KB, as transactions do.
 * @throws MillraceError `MR_CONFIG_INVALID` without a table name or an `item` function
 */
export function dynamoSink<T>(options: DynamoSinkOptions<T>): Sink<T> {
  const { tableName, item, repeatable = true } = options;
  if (typeof tableName !== 'string' || tableName === '') throw invalid('dynamoSink() needs tableName', 'tableName');
  if (typeof item !== 'function') throw invalid('dynamoSink() needs item, a function that makes rows', 'item');
  const table = new MarkedTable(options);
  const where = `the function item of dynamodb:${tableName}`;
  return {
    name: `dynamodb:${tableName}`,
    guarantee: 'idempotent',
    repeatable,
    async write(items, context) {
      const rows: DynamoItem[] = [];
      for (const one of items) {
        const row = item(one);
        if (row !== undefined) rows.push(toItem(row, where));
      }
      await table.write(rows, context);
    },
  };
}

/** A table whose rows are written together with marks in another one. */
class MarkedTable {
  readonly #options: Omit<DynamoSinkOptions<never>, 'item'>;
  readonly #markerTableName: string;
  /** The names of the key's attributes. */
  #opened: Promise<readonly string[]> | undefined;
  #dynamo: AwsDynamo | undefined;
  /** By writer, the fence under which this process has left a mark. */
  readonly #fences = new Map<string, number>();

  constructor(options: Omit<DynamoSinkOptions<never>, 'item'>) {
    this.#options = options;
    this.#markerTableName = options.markerTableName ?? `${options.tableName}-Millrace`;
  }

  async write(rows: readonly DynamoItem[], context: SinkContext): Promise<void> {
    const { signal, fence } = context;
    signal.throwIfAborted();
    if (fence === undefined || context.application === undefined) {
      throw invalid(`dynamodb:${this.#options.tableName} needs batches that are committed: give the context a state`);
    }
    const keys = await this.#open(signal);
    const chunks = chunksOf(this.#lastOfEachKey(rows, keys));
    const writer = [this.#options.tableName, context.application, context.group].map(namePartOf).join('/');
    // A mark under the fence is enough to refuse those of before; empty batches need no further one.
    if (chunks.length === 0 && this.#fences.get(writer) === fence.number) return;
    const mark = this.#markOf(writer, fence.number, context.batchId);
    for (const chunk of chunks.length === 0 ? [[]] : chunks) await this.#put(mark, chunk, context);
    this.#fences.set(writer, fence.number);
  }

  async #put(mark: TransactPut, rows: readonly DynamoItem[], context: SinkContext): Promise<void> {
    const { tableName } = this.#options;
    const puts = [mark, ...rows.map((item) => ({ tableName, item }))];
    const { signal } = context;
    const fields = { clock: systemClock, random: systemRandom, signal };
    // A transaction whose answer was lost is sent again: with the same mark it changes nothing.
    const outcome = await retryWhilePassing(() => this.#table.putTogether(puts, signal), fields);
    if (!outcome.done) throw fencedError(`dynamodb:${tableName}`, context);
  }

  #markOf(writer: string, fence: number, batchId: number): TransactPut {
    const values = { ':fence': { N: fence.toString() }, ':batchId': { N: batchId.toString() } };
    return {
      tableName: this.#markerTableName,
      item: { [markKey]: { S: writer }, fence: values[':fence'], batchId: values[':batchId'] },
      condition: {
        conditionExpression:
          'attribute_not_exists(#writer) OR #fence < :fence OR (#fence = :fence AND #batchId <= :batchId)',
        names: { '#writer': markKey, '#fence': 'fence', '#batchId': 'batchId' },
        values,
      },
    };
  }

  /** DynamoDB takes a key once in a transaction, and the last row of a key is the one that would stay. */
  #lastOfEachKey(rows: readonly DynamoItem[], keys: readonly string[]): readonly DynamoItem[] {
    const byKey = new Map<string, DynamoItem>();
    for (const row of rows) {
      const key = keys.map((name) => row[name]);
      const missing = keys.find((_, index) => key[index] === undefined);
      if (missing !== undefined) {
        throw invalid(
          `the function item of dynamodb:${this.#options.tableName} gave a row without ${missing}, which is part of the key of the table`,
        );
      }
      byKey.set(JSON.stringify(key.map(keyText)), row);
    }
    return [...byKey.values()];
  }

  async #open(signal: AbortSignal): Promise<readonly string[]> {
    for (;;) {
      const isOurs = this.#opened === undefined;
      this.#opened ??= this.#openTables(signal);
      const opening = this.#opened;
      try {
        return await opening;
      } catch (thrown) {
        // What failed now may succeed at the next try.
        if (this.#opened === opening) this.#opened = undefined;
        // Another group may have begun it, and have lost its lease meanwhile.
        if (isOurs) throw thrown;
        signal.throwIfAborted();
      }
    }
  }

  async #openTables(signal: AbortSignal): Promise<readonly string[]> {
    const fields = { clock: systemClock, random: systemRandom, signal };
    const described = await retryWhilePassing(() => this.#table.describeTable(signal), fields);
    if (described === undefined) {
      throw invalid(
        `there is no table ${this.#options.tableName}: make it, with the key that its rows have`,
        'tableName',
      );
    }
    const marks = this.#tableOf(this.#markerTableName);
    await retryWhilePassing(
      () =>
        openTable({
          dynamo: marks,
          clock: systemClock,
          create: () => marks.createKeyedTable(markKey, signal),
          check: (description) =>
            checkKey(marks, description, { key: markKey, kind: 'table of marks', option: 'markerTableName' }),
          signal,
        }),
      fields,
    );
    return described.keySchema.map((key) => key.slice(0, key.lastIndexOf(':')));
  }

  get #table(): AwsDynamo {
    this.#dynamo ??= this.#tableOf(this.#options.tableName);
    return this.#dynamo;
  }

  /** Nobody closes the clients: Node does not wait for kept connections while no call is under way. */
  #tableOf(tableName: string): AwsDynamo {
    const { region, credentials, dynamoDBEndpoint } = this.#options;
    const clients = createClients({
      ...(region === undefined ? {} : { region }),
      ...(credentials === undefined ? {} : { credentials }),
      ...(dynamoDBEndpoint === undefined ? {} : { dynamoDBEndpoint }),
    });
    return new AwsDynamo(clients.dynamoDB, tableName);
  }
}

/** Cuts rows into transactions that DynamoDB accepts. */
function chunksOf(rows: readonly DynamoItem[]): readonly (readonly DynamoItem[])[] {
  const chunks: DynamoItem[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const last = chunks.at(-1);
    const size = itemBytes(row);
    if (last === undefined || last.length === mostItems || bytes + size > mostBytes) {
      chunks.push([row]);
      bytes = size;
    } else {
      last.push(row);
      bytes += size;
    }
  }
  return chunks;
}

/** Two keys are one when type and value are; `1` and `1.0` are not told apart by text, since numbers come from numbers. */
function keyText(value: DynamoValue | undefined): unknown {
  return value !== undefined && 'B' in value ? { B: Buffer.from(value.B).toString('hex') } : value;
}

function invalid(message: string, option?: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, option === undefined ? {} : { subject: { option } });
}
