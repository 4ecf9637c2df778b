import { createHash } from 'node:crypto';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { type AddressInfo, type Server, type Socket, createServer as createTcpServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { LeanHttpHandler, createLeanAgents } from '../../lib/app/http-agents.ts';
import { makeLoopbackCertificate } from '../../lib/testkit/server/certificate.ts';

const mebibyte = 1024 * 1024;

interface Served extends AsyncDisposable {
  get(path: string): Promise<IncomingMessage>;
  readonly connections: readonly Socket[];
}

async function listening(server: Server, tls?: { readonly ca: string }): Promise<Served> {
  const connections: Socket[] = [];
  server.on('connection', (socket: Socket) => connections.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { httpAgent, httpsAgent } = createLeanAgents({ keepAlive: true, ...tls });
  return {
    connections,
    get: (path) =>
      new Promise((resolve, reject) => {
        const where = { host: '127.0.0.1', port, path };
        const request =
          tls === undefined ? http.get({ ...where, agent: httpAgent }) : https.get({ ...where, agent: httpsAgent });
        request.on('response', resolve).on('error', reject);
      }),
    async [Symbol.asyncDispose]() {
      httpAgent.destroy();
      httpsAgent.destroy();
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Bytes of a size, no two pieces of which are alike. */
function bytesOf(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE((at * 2_654_435_761 + size) >>> 0, at);
  return bytes;
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Answers `/SIZE` with so many bytes; with a length or, for an even size, in chunks. */
const answerSize: http.RequestListener = ({ url }, response) => {
  const bytes = bytesOf(Number(url?.slice(1)));
  response.writeHead(200, bytes.length % 2 === 0 ? {} : { 'content-length': bytes.length });
  response.end(bytes);
};

describe('connections that read into one buffer', () => {
  it.each(['plain', 'TLS'])('bring every body whole, many at once (%s)', async (way) => {
    const certificate = makeLoopbackCertificate();
    const tls = way === 'TLS' ? { ca: certificate.cert } : undefined;
    const server = tls === undefined ? http.createServer(answerSize) : https.createServer(certificate, answerSize);
    await using served = await listening(server, tls);
    for (let round = 0; round < 3; round += 1) {
      const sizes = Array.from({ length: 12 }, (_, index) => (index * index * 4_001 + round * 77_777) % (mebibyte + 7));
      const bodies = await Promise.all(sizes.map(async (size) => bodyOf(await served.get(`/${size}`))));
      expect(bodies.map(digest)).toEqual(sizes.map((size) => digest(bytesOf(size))));
    }
    expect(served.connections.length).toBeLessThanOrEqual(12);
  });

  it('hold the other side back while nobody takes what comes, and lose nothing', async () => {
    const size = 64 * mebibyte;
    await using served = await listening(http.createServer(answerSize));
    const response = await served.get(`/${size}`);
    response.pause();
    let received = 0;
    // Until nothing more arrives.
    const isStill = () => {
      const before = received;
      received = response.socket.bytesRead;
      return received > 0 && received === before;
    };
    await expect.poll(isStill, { interval: 200, timeout: 30_000 }).toBe(true);
    expect(received).toBeLessThan(2 * mebibyte);
    expect(response.readableLength).toBeLessThan(2 * mebibyte);
    expect(digest(await bodyOf(response))).toBe(digest(bytesOf(size)));
  });

  it('do not take for an answer what comes when nothing was asked', async () => {
    let forged: (() => void) | undefined;
    const answer = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.write(answer('asked for')));
      forged ??= () => socket.write(answer('forged'));
    });
    await using served = await listening(server);
    expect(String(await bodyOf(await served.get('/')))).toBe('asked for');
    const [first] = served.connections;
    const closed = new Promise((resolve) => first?.on('close', resolve));
    forged?.();
    await closed;
    expect(String(await bodyOf(await served.get('/')))).toBe('asked for');
    expect(served.connections).toHaveLength(2);
  });
});

describe('the lean handler', () => {
  /** What arrives of a request that a handler was given. */
  async function arriving(handler: NodeHttpHandler, headers: Record<string, string>): Promise<unknown> {
    const seen: unknown[] = [];
    const server = http.createServer((request, response) => {
      void bodyOf(request).then((body) => {
        const { method, url, httpVersion, headers: arrived } = request;
        seen.push({ method, url, httpVersion, headers: arrived, body: body.toString() });
        response.end('done');
      });
    });
    await using _served = await listening(server);
    const { port } = server.address() as AddressInfo;
    type Request = Parameters<NodeHttpHandler['handle']>[0];
    const where = { protocol: 'http:', hostname: '127.0.0.1', port, path: '/a', query: { b: 'c d' } };
    const request = { ...where, method: 'POST', headers, body: Buffer.from('{"d":1}') } as unknown as Request;
    const { response } = await handler.handle(request);
    await bodyOf(response.body as IncomingMessage);
    handler.destroy();
    return seen;
  }

  const usual = {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': '7',
    'X-Amz-Target': 'T',
    host: 'h:1',
  };

  it.each([
    ['usual headers', usual],
    ['no host', { 'content-type': 'text/plain', 'content-length': '7' }],
    ['no length', { host: 'h' }],
    ['one that waits to be continued', { ...usual, Expect: '100-continue' }],
  ])('sends what the SDK sends: %s', async (_, headers) => {
    const own = await arriving(new LeanHttpHandler(), headers);
    const known = await arriving(new NodeHttpHandler(), headers);
    const host = /"host":"127[^"]*"/g;
    expect(JSON.stringify(own).replaceAll(host, '"host"')).toBe(JSON.stringify(known).replaceAll(host, '"host"'));
  });
});
