import { describe, expect, it } from 'vitest';
import { startDynamoDBLocal } from '../support/dynamodb-local.ts';
import { expectAgreement } from '../testkit/server/dynamo-agreement.ts';
import { describePages } from '../testkit/server/dynamo-pages-suite.ts';

describePages('DynamoDB Local', startDynamoDBLocal);

describe('the items of the fake AWS', () => {
  it('are what DynamoDB Local makes of the same calls', async () => {
    await using local = await startDynamoDBLocal();
    await expect(expectAgreement(local, { runs: 400, twoPaths: true })).resolves.toBeUndefined();
  }, 180_000);
});
