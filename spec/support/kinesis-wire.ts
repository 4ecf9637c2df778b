import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { type Http2ServerRequest, type Http2ServerResponse, createSecureServer } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';

/** What the server does with a request: answers it, never answers, stops half way, or cuts the connection. */
export type WireAnswer =
  | { readonly status?: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'
  | 'half'
  | 'cut';

/** Answers one operation; `number` counts the requests of the operation from 1. */
export type WireHandler = (body: Record<string, unknown>, number: number) => WireAnswer;

/** A refusal in the form of the JSON protocol. */
export function refusal(name: string, message = `injected ${name}`, status = 400): WireAnswer {
  return { status, body: { __type: name, message } };
}

/** A tiny server that speaks Kinesis' JSON wire format, with scripted answers. */
export interface KinesisWire extends AsyncDisposable {
  readonly endpoint: string;
  /** The operations asked for, in order. */
  readonly operations: readonly string[];
  /** Connections accepted so far; for HTTP/2 these are sessions. */
  readonly connections: number;
  stop(): Promise<void>;
}

/** Starts the server on a free port of 127.0.0.1: plain HTTP/1.1, or HTTP/2 over TLS when it is given a certificate. */
export async function startKinesisWire(
  handlers: Readonly<Record<string, WireHandler>>,
  tls?: { readonly key: string; readonly cert: string },
): Promise<KinesisWire> {
  const operations: string[] = [];
  const open = new Set<{ destroy(): void }>();
  let connections = 0;
  const listener = (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      operations.push(operation);
      const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>;
      const number = operations.filter((other) => other === operation).length;
      const answer = handlers[operation]?.(body, number) ?? refusal('UnknownOperationException', operation);
      if (answer === 'hang') return;
      if (answer === 'cut') request.destroy();
      else if (answer === 'half') sendHalf(response as ServerResponse);
      else send(response, answer);
    });
  };
  const server: Server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  server.on('connection', (socket: { destroy(): void }) => {
    connections += 1;
    open.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    operations,
    get connections() {
      return connections;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function sendHalf(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1', 'content-length': '1000' });
  response.write('{"Records":[');
}

function send(response: ServerResponse | Http2ServerResponse, answer: Exclude<WireAnswer, string>): void {
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  response.statusCode = answer.status ?? 200;
  response.setHeader('content-type', 'application/x-amz-json-1.1');
  response.setHeader('x-amzn-requestid', '00000000-0000-0000-0000-000000000000');
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.end(text);
}

/** The answer of DescribeStreamSummary for an empty stream. */
export function streamSummary(
  streamName: string,
  status = 'ACTIVE',
  createdAtMillis = Date.UTC(2026, 0, 1),
): WireAnswer {
  return {
    body: {
      StreamDescriptionSummary: {
        StreamName: streamName,
        StreamARN: `arn:aws:kinesis:us-east-1:000000000000:stream/${streamName}`,
        StreamStatus: status,
        RetentionPeriodHours: 24,
        StreamCreationTimestamp: createdAtMillis / 1_000,
        EnhancedMonitoring: [],
        OpenShardCount: 1,
      },
    },
  };
}
