import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { CreateTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { startDynamoDBLocal } from '../support/dynamodb-local.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import { waitUntil } from './wait.ts';

describe('startDynamoDBLocal', () => {
  it('starts a server that answers a refused write with the item, and leaves no process after stop', async () => {
    const server = await startDynamoDBLocal();
    try {
      const client = new DynamoDBClient({
        endpoint: server.endpoint,
        region: testRegion,
        credentials: testCredentials,
      });
      const TableName = 'leases';
      await client.send(
        new CreateTableCommand({
          TableName,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: [{ AttributeName: 'leaseKey', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'leaseKey', AttributeType: 'S' }],
        }),
      );
      const put = new PutItemCommand({
        TableName,
        Item: { leaseKey: { S: 'a' } },
        ConditionExpression: 'attribute_not_exists(leaseKey)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      await client.send(put);
      await expect(client.send(put)).rejects.toMatchObject({
        name: 'ConditionalCheckFailedException',
        Item: { leaseKey: { S: 'a' } },
      });
      client.destroy();
      expect(isAlive(server.pid)).toBe(true);
    } finally {
      await server.stop();
    }
    expect(isAlive(server.pid)).toBe(false);
  });

  it('ends the server when the process that started it is killed', async () => {
    const program = `
      import { startDynamoDBLocal } from ${JSON.stringify(new URL('../support/dynamodb-local.ts', import.meta.url).href)};
      const server = await startDynamoDBLocal();
      process.stdout.write(String(server.pid));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await waitUntil(
      `process ${pid} to end`,
      () => !isAlive(pid),
      () => 'alive',
    );
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
