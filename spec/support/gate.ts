import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A way to a service that can be shut: calls of chosen operations are denied then, in the words of AWS. */
export interface Gate extends AsyncDisposable {
  readonly endpoint: string;
  /** Denies these operations from now on; all others pass. */
  deny(...operations: readonly string[]): void;
  /** How many calls of this operation came, denied or not. */
  count(operation: string): number;
}

/** Starts a gate before a service that speaks a JSON protocol of AWS over plain HTTP/1.1. */
export async function startGate(endpoint: string): Promise<Gate> {
  const shut = new Set<string>();
  const counts = new Map<string, number>();
  const server = createServer((incoming, response) => {
    const operation = String(incoming.headers['x-amz-target']).split('.').at(-1) ?? '';
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    if (!shut.has(operation)) {
      pass(endpoint, incoming, response);
      return;
    }
    incoming.resume();
    incoming.on('end', () => refuse(operation, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    deny: (...operations) => {
      for (const operation of operations) shut.add(operation);
    },
    count: (operation) => counts.get(operation) ?? 0,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pass(endpoint: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { method, headers, url } = incoming;
  const outgoing = request(endpoint + (url ?? '/'), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}

function refuse(operation: string, response: ServerResponse): void {
  const body = {
    __type: 'com.amazon.coral.service#AccessDeniedException',
    message: `User: arn:aws:iam::123456789012:user/test is not authorized to perform: ${operation}`,
  };
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(JSON.stringify(body));
}
