import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FakeAws } from '../../../lib/testkit/server/fake-aws.ts';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import type { LocalService } from '../../support/local-stack.ts';
import { dynamoClient } from './aws-clients.ts';
import { createPages, queries, query, scan, scans } from './dynamo-pages.ts';

/** The specs that compare the pages of the fake AWS with those of another DynamoDB. */
export function describePages(name: string, start: () => Promise<LocalService>): void {
  describe(`the pages of the fake AWS are those of ${name}`, () => {
    let aws: FakeAws;
    let other: LocalService;
    let mine: DynamoDBClient;
    let theirs: DynamoDBClient;

    beforeAll(async () => {
      [aws, other] = await Promise.all([startFakeAws(), start()]);
      mine = dynamoClient(aws);
      theirs = dynamoClient(other);
      await Promise.all([createPages(mine), createPages(theirs)]);
    }, 120_000);

    afterAll(async () => {
      mine.destroy();
      theirs.destroy();
      await Promise.all([aws.stop(), other.stop()]);
    });

    it.each(Object.entries(queries))('for a query %s', async (_, input) => {
      expect(await query(mine, input)).toEqual(await query(theirs, input));
    });

    it.each(Object.entries(scans))('for a scan %s', async (_, input) => {
      expect(await scan(mine, input)).toEqual(await scan(theirs, input));
    });
  });
}
