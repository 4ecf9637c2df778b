import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { systemCpuSourcePorts } from '../../../lib/lease/worker-metrics/system-ports.ts';

describe('the ports onto this machine', () => {
  const ports = systemCpuSourcePorts(systemClock);
  const { signal } = new AbortController();
  const server = createServer((request, response) => {
    if (request.url === '/slow') return;
    response.statusCode = request.url === '/json' ? 200 : 404;
    response.end('{"DockerId":"own"}');
  });
  let root = '';

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    root = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  it('get JSON', async () => {
    expect(await ports.fetchJson(`${root}/json`, signal)).toEqual({ DockerId: 'own' });
  });

  it('reject another status, with the address', async () => {
    await expect(ports.fetchJson(`${root}/gone`, signal)).rejects.toThrow(`GET ${root}/gone answered 404`);
  });

  it('stop waiting when the signal aborts', async () => {
    const controller = new AbortController();
    const answer = ports.fetchJson(`${root}/slow`, controller.signal);
    controller.abort(new Error('enough'));
    await expect(answer).rejects.toThrow('enough');
  });

  it('tell whether there is a file', async () => {
    expect(await ports.hasFile(fileURLToPath(import.meta.url))).toBe(true);
    expect(await ports.hasFile('/no/such/file')).toBe(false);
  });

  it('reject a file that does not exist', async () => {
    await expect(ports.readFile('/no/such/file', signal)).rejects.toThrow('ENOENT');
  });
});
