import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { preparePage } from './page.ts';

// The service side of the bench, a process of its own: answers every call with one prepared page, in the format of the
// request, over HTTP/1.1. Arguments: records of a page, bytes of a record. Tells its parent the port.

const [records, recordBytes] = process.argv.slice(2).map(Number) as [number, number];
const page = preparePage({ records, recordBytes });

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const isCbor = request.headers['content-type']?.includes('cbor') === true;
    const body = isCbor ? page.cbor : page.json;
    const type = isCbor ? 'application/x-amz-cbor-1.1' : 'application/x-amz-json-1.1';
    response.writeHead(200, { 'content-type': type, 'content-length': body.length, 'x-amzn-requestid': 'bench' });
    response.end(body);
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
