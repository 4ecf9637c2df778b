import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { type TLSSocket, createServer as createTlsServer } from 'node:tls';
import { type LoopbackCertificate, makeLoopbackCertificate } from './certificate.ts';
import type { ExchangeHandler } from './exchange.ts';
import { createHttp1 } from './http1.ts';
import { createHttp2 } from './http2.ts';

/** Where a {@link startListener} listens, and how much. */
export interface Listener extends AsyncDisposable {
  /** `http://127.0.0.1:port`: HTTP/1.1, and HTTP/2 for those who begin with it ("prior knowledge"). */
  readonly endpoint: string;
  /** `https://127.0.0.1:port`: HTTP/2, or HTTP/1.1 for those who do not offer it. */
  readonly tlsEndpoint: string;
  /** The authority of `tlsEndpoint`, as PEM. */
  readonly ca: string;
  /** Connections accepted so far. */
  readonly connections: { readonly http1: number; readonly http2: number };
  /** Stops listening and destroys all connections. */
  stop(): Promise<void>;
}

/** What a connection of HTTP/2 begins with; no request of HTTP/1.1 begins with its first three bytes. */
const http2Preface = 'PRI';

/** Listens on two ports of 127.0.0.1 and on nothing else: free ones, unless the plain one is named. */
export async function startListener(handler: ExchangeHandler, port = 0): Promise<Listener> {
  const http1 = createHttp1(handler);
  const http2 = createHttp2(handler);
  const connections = { http1: 0, http2: 0 };
  const open = new Set<Socket>();
  const serve = (socket: Socket, version: 'http1' | 'http2'): void => {
    connections[version] += 1;
    (version === 'http1' ? http1 : http2).emit('connection', socket);
  };
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A caller that breaks off is no event of interest.
    socket.on('error', () => {});
  };
  const plain = createServer({ noDelay: true }, (socket) => {
    keep(socket);
    onFirstBytes(socket, (first) => serve(socket, first.startsWith(http2Preface) ? 'http2' : 'http1'));
  });
  const certificate: LoopbackCertificate = makeLoopbackCertificate();
  const tls = createTlsServer({ ...certificate, ALPNProtocols: ['h2', 'http/1.1'], noDelay: true });
  tls.on('connection', keep);
  tls.on('tlsClientError', () => {});
  tls.on('secureConnection', (socket: TLSSocket) => {
    keep(socket);
    serve(socket, socket.alpnProtocol === 'h2' ? 'http2' : 'http1');
  });
  const ports = [await listen(plain, port), await listen(tls, 0)];
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= close([plain, tls], open));
  return {
    endpoint: `http://127.0.0.1:${ports[0]}`,
    tlsEndpoint: `https://127.0.0.1:${ports[1]}`,
    ca: certificate.cert,
    connections,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Looks at the first bytes of a connection and puts them back. */
function onFirstBytes(socket: Socket, look: (first: string) => void): void {
  socket.once('readable', () => {
    const chunk = socket.read() as Buffer | null;
    // Ended before its first byte.
    if (chunk === null) socket.destroy();
    else {
      socket.unshift(chunk);
      look(chunk.toString('latin1', 0, http2Preface.length));
    }
  });
}

function listen(server: Server, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function close(servers: readonly Server[], open: ReadonlySet<Socket>): Promise<void> {
  const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
  for (const socket of open) socket.destroy();
  await Promise.all(closed);
}
