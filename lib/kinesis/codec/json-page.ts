import { joinChunks, lengthOf } from './body.ts';
import { scanJsonPage } from './json-scan.ts';
import type { DecodedPage } from './page.ts';
import { decodeAllBase64 } from './page-record.ts';
import { jsonDialect, pageOfTree } from './page-tree.ts';

/**
 * Decodes the JSON of a GetRecords answer, or of one event of SubscribeToShard. The records are moved out of the chunks, or
 * views of those that are too large for that, which are written over: they must not be used for anything else. A page in a
 * form that the scanner does not know is parsed as a whole. `undefined` when it has not the shape of a page; then the chunks
 * are as they were.
 * @throws SyntaxError when it is not JSON
 */
export function decodeJsonPage(chunks: readonly Buffer[]): DecodedPage | undefined {
  const scanned = scanJsonPage(chunks);
  if (scanned?.records !== undefined && !scanned.isWrong && decodeAllBase64(scanned.inBase64)) {
    const { movedBytes, records, nextIterator, continuationSequenceNumber, millisBehindLatest } = scanned;
    const wireBytes = movedBytes ?? lengthOf(chunks);
    const isMoved = movedBytes !== undefined;
    return {
      records,
      nextIterator,
      continuationSequenceNumber,
      millisBehindLatest,
      childShards: [],
      wireBytes,
      isMoved,
    };
  }
  return pageOfTree(JSON.parse(joinChunks(chunks).toString('utf8')), jsonDialect);
}
