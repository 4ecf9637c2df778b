import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sinkSuite } from '../../lib/testkit/conformance/sink-suite.ts';
import type { ChildServer } from '../support/child-server.ts';
import { dynamoSinkBench } from '../support/dynamo-sink-bench.ts';
import { startDynamoDBLocal } from '../support/dynamodb-local.ts';

let local: ChildServer;

beforeAll(async () => {
  local = await startDynamoDBLocal();
});
afterAll(() => local.stop());

describe('dynamoSink on DynamoDB Local', () => {
  it.each(sinkSuite(dynamoSinkBench(() => local.endpoint)))('$name', { timeout: 60_000 }, async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
