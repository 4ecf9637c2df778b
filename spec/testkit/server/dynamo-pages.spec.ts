import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { startFakeAws } from '../../../lib/testkit/server/start.ts';
import { startDynalite } from '../../support/local-stack.ts';
import { dynamoClient } from './aws-clients.ts';
import { describePages } from './dynamo-pages-suite.ts';
import { createPages } from './dynamo-pages.ts';

describePages('dynalite', startDynalite);

describe('a scan of the fake AWS in segments', () => {
  it('finds every item in exactly one', async () => {
    await using aws = await startFakeAws();
    const client = dynamoClient(aws);
    await createPages(client);
    const ofSegment = async (Segment: number) => {
      const { Items } = await client.send(new ScanCommand({ TableName: 'pages', Segment, TotalSegments: 16 }));
      return (Items ?? []).map((item) => `${item['id']?.S}${item['at']?.N}`);
    };
    const segments = await Promise.all(Array.from({ length: 16 }, (_, index) => ofSegment(index)));
    expect(segments.filter((segment) => segment.length > 0).length).toBeGreaterThan(1);
    expect(new Set(segments.flat()).size).toBe(24);
    expect(segments.flat()).toHaveLength(24);
    client.destroy();
  });
});
