import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CloudWatchSink } from '../../lib/monitor/cloudwatch/cloudwatch-client.ts';
import type { Datum } from '../../lib/monitor/cloudwatch/datum.ts';

const never = new AbortController().signal;
const datum: Datum = {
  name: 'RecordsProcessed',
  unit: 'Count',
  dimensions: { Operation: 'ProcessTask' },
  sum: 3,
  minimum: 1,
  maximum: 2,
  count: 2,
};

let server: Server;
let sink: CloudWatchSink;
let seen: IncomingMessage[];
/** What CloudWatch answers: a status and the name of an error, or nothing. */
let answer: { readonly status: number; readonly error?: string };

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    seen.push(request);
    request.resume().on('end', () => {
      const { status, error } = answer;
      response.writeHead(status, { 'content-type': request.headers['content-type'] ?? '' });
      response.end(JSON.stringify(error === undefined ? {} : { __type: error, message: 'told by the test' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  sink = new CloudWatchSink({
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
});
afterEach(async () => {
  sink.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const put = () => sink.put('mailer', [datum], 0, never);

describe('a CloudWatch', () => {
  it.each([
    [403, 'AccessDenied'],
    [400, 'Throttling'],
    [503, 'ServiceUnavailable'],
  ])('that answers %i %s is asked once for each flush, and takes the next one', async (status, error) => {
    answer = { status, error };
    await expect(put()).rejects.toMatchObject({ name: error, $metadata: { httpStatusCode: status } });
    await expect(put()).rejects.toThrow();
    expect(seen).toHaveLength(2);
    answer = { status: 200 };
    await put();
    expect(seen).toHaveLength(3);
    expect(seen[2]?.headers['user-agent']).toMatch(/ millrace$/);
  });
});
