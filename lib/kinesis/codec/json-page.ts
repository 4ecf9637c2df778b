import type { DecodedPage } from './page.ts';
import { decodeAllBase64 } from './page-record.ts';
import { scanJsonPage } from './json-scan.ts';
import { jsonDialect, pageOfTree } from './page-tree.ts';

/**
 * Decodes the JSON body of a GetRecords answer, or of one event of SubscribeToShard. The records are views of `body`,
 * which is written over: it must not be used for anything else. An answer in a form that the scanner does not know is
 * parsed as a whole. `undefined` when it has not the shape of a page; then `body` is as it was.
 * @throws SyntaxError when it is not JSON
 */
export function decodeJsonPage(body: Buffer): DecodedPage | undefined {
  const scanned = scanJsonPage(body);
  if (scanned !== undefined && decodeAllBase64(scanned.records)) {
    return { ...scanned, childShards: [], heldBytes: body.buffer.byteLength };
  }
  return pageOfTree(JSON.parse(body.toString('utf8')), jsonDialect);
}
