import type { Clock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { EpochOutcome, EpochRow, EpochTable } from '../engine/commit/epoch-table.ts';
import type { AwsDynamo } from '../lease/dynamo/aws-dynamo.ts';
import { type DynamoItem, numberOf, stringOf } from '../lease/dynamo/item.ts';
import { checkKey, openTable } from '../lease/dynamo/open-table.ts';
import type { ConditionParameters } from '../lease/dynamo/update-expression.ts';

const keyName = 'applicationName';

/**
 * The row of an application in the DynamoDB table `<applicationName>-Engine`, whose key is `applicationName`. Of our own
 * making: no client of Amazon's knows this table.
 */
export class DynamoEpochTable implements EpochTable {
  readonly #dynamo: AwsDynamo;
  readonly #applicationName: string;
  readonly #clock: Clock;

  constructor(dynamo: AwsDynamo, applicationName: string, clock: Clock) {
    this.#dynamo = dynamo;
    this.#applicationName = applicationName;
    this.#clock = clock;
  }

  async open(signal: AbortSignal): Promise<void> {
    const dynamo = this.#dynamo;
    await openTable({
      dynamo,
      clock: this.#clock,
      create: () => dynamo.createKeyedTable(keyName, signal),
      check: (description) =>
        checkKey(dynamo, description, { key: keyName, kind: 'table of an engine', option: 'applicationName' }),
      signal,
    });
  }

  async read(signal: AbortSignal): Promise<EpochRow | undefined> {
    const item = await this.#dynamo.getItem({ [keyName]: { S: this.#applicationName } }, signal);
    return item === undefined ? undefined : this.#rowOf(item);
  }

  async write(row: EpochRow, seen: EpochRow | undefined, signal: AbortSignal): Promise<EpochOutcome> {
    const outcome = await this.#dynamo.putItem(this.#itemOf(row), conditionOf(seen), signal);
    if (outcome.done) return { tag: 'applied' };
    return { tag: 'refused', row: await this.read(signal) };
  }

  #itemOf(row: EpochRow): DynamoItem {
    return {
      [keyName]: { S: this.#applicationName },
      epoch: { N: row.epoch.toString() },
      owner: { S: row.owner },
      counter: { N: row.counter.toString() },
      leaseDurationMillis: { N: row.leaseDurationMillis.toString() },
      batchId: { N: row.batchId.toString() },
      ...(row.pointer === undefined ? {} : { pointer: { S: row.pointer } }),
      ...(row.isReleased ? { isReleased: { BOOL: true } } : {}),
    };
  }

  #rowOf(item: DynamoItem): EpochRow {
    const [epoch, counter] = [numberOf(item, 'epoch'), numberOf(item, 'counter')];
    const [leaseDurationMillis, batchId] = [numberOf(item, 'leaseDurationMillis'), numberOf(item, 'batchId')];
    const [owner, pointer] = [stringOf(item, 'owner'), stringOf(item, 'pointer')];
    if (
      epoch === undefined ||
      counter === undefined ||
      leaseDurationMillis === undefined ||
      batchId === undefined ||
      owner === undefined
    ) {
      throw new MillraceError(
        'MR_TABLE_FOREIGN',
        `row ${JSON.stringify(this.#applicationName)} of table ${this.#dynamo.tableName} lacks what Millrace writes there; another program uses the table, or somebody changed it. Use another applicationName`,
        { subject: { table: this.#dynamo.tableName } },
      );
    }
    const isReleased = 'isReleased' in item;
    return {
      epoch,
      owner,
      counter,
      leaseDurationMillis,
      batchId,
      ...(pointer === undefined ? {} : { pointer }),
      isReleased,
    };
  }
}

function conditionOf(seen: EpochRow | undefined): ConditionParameters {
  if (seen === undefined) {
    return { conditionExpression: 'attribute_not_exists(#key)', names: { '#key': keyName }, values: {} };
  }
  return {
    conditionExpression: '#epoch = :epoch AND #counter = :counter AND #batchId = :batchId',
    names: { '#epoch': 'epoch', '#counter': 'counter', '#batchId': 'batchId' },
    values: {
      ':epoch': { N: seen.epoch.toString() },
      ':counter': { N: seen.counter.toString() },
      ':batchId': { N: seen.batchId.toString() },
    },
  };
}
