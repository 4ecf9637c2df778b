import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** A way to a service that can be cut: from then on nothing passes, and no connection is refused either. */
export interface SeveredProxy {
  readonly endpoint: string;
  cut(): void;
  stop(): Promise<void>;
}

/** Starts a way to an endpoint on a free port of 127.0.0.1. */
export async function startSeveredProxy(endpoint: string): Promise<SeveredProxy> {
  const { hostname, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => !isCut && far.write(bytes));
    far.on('data', (bytes) => !isCut && near.write(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
