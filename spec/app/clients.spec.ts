import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { DescribeStreamSummaryCommand } from '@aws-sdk/client-kinesis';
import { createClients } from '../../lib/app/clients.ts';
import { startKinesisWire, streamSummary } from '../support/kinesis-wire.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import { loopbackCertificate } from '../support/loopback-certificate.ts';

const handlers = { DescribeStreamSummary: () => streamSummary('orders') };

describe('createClients', () => {
  it('makes each client once, when it is first asked for', () => {
    const clients = createClients({ region: testRegion, credentials: testCredentials });
    expect(clients.kinesis).toBe(clients.kinesis);
    expect(clients.dynamoDB).toBe(clients.dynamoDB);
    clients.destroy();
  });

  it('speaks HTTP/1.1 to a plain endpoint, and keeps the connection', async () => {
    const wire = await startKinesisWire(handlers);
    const clients = createClients({ region: testRegion, credentials: testCredentials, kinesisEndpoint: wire.endpoint });
    try {
      const command = new DescribeStreamSummaryCommand({ StreamName: 'orders' });
      for (let count = 0; count < 5; count += 1) await clients.kinesis.send(command);
      expect([wire.operations.length, wire.connections]).toEqual([5, 1]);
    } finally {
      clients.destroy();
      await wire.stop();
    }
  });

  it('makes all calls to an encrypted endpoint over one HTTP/2 session', async () => {
    const wire = await startKinesisWire(handlers, loopbackCertificate);
    const folder = await mkdtemp(join(tmpdir(), 'millrace-'));
    try {
      const certificate = join(folder, 'certificate.pem');
      await writeFile(certificate, loopbackCertificate.cert);
      const program = fileURLToPath(new URL('../support/http2-calls.ts', import.meta.url));
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--import', 'tsx', program, wire.endpoint, '20'],
        {
          env: { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: certificate },
          timeout: 60_000,
        },
      );
      expect(stdout).toBe('60');
      expect([wire.operations.length, wire.connections]).toEqual([60, 1]);
    } finally {
      await wire.stop();
      await rm(folder, { recursive: true });
    }
  }, 70_000);
});
