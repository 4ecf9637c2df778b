import type { FakeService } from '../service.ts';
import { type WireFormat, type WireValue, jsonFormat } from '../wire-format.ts';
import { itemOperations } from './item-operations.ts';
import type { DynamoOperation } from './operation.ts';
import { pageOperations } from './page-operations.ts';
import { tableOperations } from './table-operations.ts';
import type { TableStore } from './table-store.ts';

const operations: Readonly<Record<string, DynamoOperation>> = {
  ...tableOperations,
  ...itemOperations,
  ...pageOperations,
};

/** DynamoDB's values are what JSON has already: nothing is to be turned. */
const format: WireFormat = { ...jsonFormat('1.0'), encode: (value) => Buffer.from(JSON.stringify(value)) };

/** DynamoDB over the wire: the operations, in JSON 1.0. */
export function createDynamoService(store: TableStore): FakeService {
  return {
    target: 'DynamoDB_20120810',
    errorPrefix: 'com.amazonaws.dynamodb.v20120810#',
    formats: [format],
    checksums: true,
    answer({ operation, request }) {
      if (!Object.hasOwn(operations, operation)) return undefined;
      const value = operations[operation]?.(store, request);
      return { kind: 'value', value: value as WireValue };
    },
    subjectOf(request) {
      const tableName = request.members['TableName'];
      return typeof tableName === 'string' ? { tableName } : {};
    },
  };
}
