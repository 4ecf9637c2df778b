import { describe, expect, it } from 'vitest';
import { DescribeStreamSummaryCommand, ListStreamsCommand } from '@aws-sdk/client-kinesis';
import { createClients } from '../../lib/app/clients.ts';
import { startFakeAws } from '../../lib/testkit/server/start.ts';
import { startKinesisWire, streamSummary } from '../support/kinesis-wire.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';

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

  it('keeps as many connections to an encrypted endpoint as it makes calls at once, and trusts the authority it is given', async () => {
    await using aws = await startFakeAws();
    const given = { region: testRegion, credentials: testCredentials, kinesisEndpoint: aws.tlsEndpoint };
    const clients = createClients({ ...given, certificateAuthority: aws.ca });
    const strangers = createClients(given);
    try {
      const command = new ListStreamsCommand();
      for (let round = 0; round < 3; round += 1) {
        await Promise.all(Array.from({ length: 20 }, () => clients.kinesis.send(command)));
      }
      const { calls, connections } = await aws.stats();
      expect(calls).toEqual({ ListStreams: 60 });
      expect(connections.http2).toBe(0);
      expect(connections.http1).toBeLessThanOrEqual(20);
      await expect(strangers.kinesis.send(command)).rejects.toThrow('certificate');
    } finally {
      clients.destroy();
      strangers.destroy();
    }
  });
});
