import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildServer } from './child-server.ts';
import { startTetheredServer } from './tethered-server.ts';

const place = join(import.meta.dirname, '../../node_modules/.cache/millrace-interop/moto');

/**
 * Starts moto on a free port, with nothing in it: S3 and CloudWatch as somebody else understands them. It is installed by
 * `spec/interop/python/setup.sh`.
 */
export function startMoto(): Promise<ChildServer> {
  if (!existsSync(join(place, 'stamp'))) throw new Error('moto is not installed: run npm run test:interop');
  return startTetheredServer({
    name: 'moto',
    command: (port) => [join(place, 'bin/python'), '-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
  });
}
