import type { RequestReader } from '../request.ts';
import type { WireRequest } from '../wire-format.ts';
import type { TableStore } from './table-store.ts';

/** Answers one operation of DynamoDB with what JSON can write. */
export type DynamoOperation = (store: TableStore, request: RequestReader) => WireRequest;

/** The part of an answer that tells what was consumed, when the request asks for it. */
export function consumed(request: RequestReader, tableName: string, units: number): WireRequest {
  const wanted = request.optionalText('ReturnConsumedCapacity') ?? 'NONE';
  if (wanted === 'NONE') return {};
  return { ConsumedCapacity: { TableName: tableName, CapacityUnits: units } };
}
