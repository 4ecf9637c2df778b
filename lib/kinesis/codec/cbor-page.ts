import { joinChunks, lengthOf } from './body.ts';
import { scanCborPage } from './cbor-scan.ts';
import { type CborValue, decodeCbor } from './cbor-tree.ts';
import type { DecodedPage } from './page.ts';
import { decodeAllBase64 } from './page-record.ts';
import { cborDialect, pageOfTree } from './page-tree.ts';

/**
 * Decodes the CBOR of a GetRecords answer. The records are views of the chunks, which are written over where data came as
 * base64 text. `undefined` when it is CBOR and has not the shape of a page; then the chunks are as they were.
 * @throws UnreadableAnswer when it is not CBOR
 */
export function decodeCborPage(chunks: readonly Buffer[]): DecodedPage | undefined {
  const scanned = scanCborPage(chunks);
  if (scanned?.records !== undefined && decodeAllBase64(scanned.inBase64)) {
    const { records, nextIterator, millisBehindLatest } = scanned;
    return {
      records,
      nextIterator,
      millisBehindLatest,
      continuationSequenceNumber: undefined,
      childShards: [],
      wireBytes: lengthOf(chunks),
    };
  }
  return pageOfTree(decodeCbor(joinChunks(chunks)), cborDialect);
}

/**
 * Says in JSON what an answer says in CBOR, so that the SDK's own decoder can read it: bytes in base64, times in seconds.
 * @throws UnreadableAnswer when it is not CBOR
 */
export function jsonOfCbor(body: Uint8Array): Buffer {
  return Buffer.from(JSON.stringify(toJson(decodeCbor(body))) ?? 'null', 'utf8');
}

function toJson(value: CborValue): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value === 'bigint') return Number(value);
  if (isList(value)) return value.map(toJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      name.endsWith('Timestamp') && typeof item === 'number' ? item / 1_000 : toJson(item),
    ]),
  );
}

function isList(value: CborValue): value is readonly CborValue[] {
  return Array.isArray(value);
}
