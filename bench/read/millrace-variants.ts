import { createClients } from '../../lib/app/clients.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { createAwsFanOut } from '../../lib/kinesis/aws-fan-out.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import type { KinesisApi, RawRecord } from '../../lib/kinesis/kinesis-api.ts';
import {
  type MakeReadVariant,
  type ReadTarget,
  benchCredentials,
  benchRegion,
  followIterators,
  looked,
} from './variant.ts';

/** Millrace's calls over its own codec for JSON. */
export const json: MakeReadVariant = (target) => codecLoop(target, 'json');
/** Millrace's calls over its own codec for CBOR. */
export const cbor: MakeReadVariant = (target) => codecLoop(target, 'cbor');

/** Fan-out by Millrace: subscriptions over one session, and its own decoder. */
export const fanOut: MakeReadVariant = ({ endpoint, streamName, shardId, consumerArn }) => {
  const { kinesis, subscriptions } = createClients({
    region: benchRegion,
    credentials: benchCredentials,
    kinesisEndpoint: endpoint,
  });
  const api = createAwsFanOut({
    client: kinesis,
    subscriptions,
    stream: streamName,
    clock: systemClock,
    events: events('json'),
  });
  const { signal } = new AbortController();
  async function* pages(): AsyncGenerator<readonly RawRecord[]> {
    const subscription = await api.subscribeToShard({ consumerArn, shardId, start: { type: 'TRIM_HORIZON' } }, signal);
    try {
      for (;;) yield (await subscription.next())?.records ?? [];
    } finally {
      subscription.close();
    }
  }
  return {
    async round(count) {
      let seen = 0;
      let left = count;
      for await (const records of pages()) {
        for (const record of records) seen += looked(record.data);
        left -= 1;
        if (left === 0) break;
      }
      return seen;
    },
    async readAll() {
      for await (const records of pages()) return records;
      return [];
    },
  };
};

function codecLoop(target: ReadTarget, codec: 'json' | 'cbor') {
  const api = apiOf(target, codec);
  const { signal } = new AbortController();
  const call = (iterator: string) => api.getRecords({ iterator, limit: 10_000 }, signal);
  return {
    round: (pages: number) =>
      followIterators(pages, target.iterator, async (iterator) => {
        const { records, nextIterator = iterator } = await call(iterator);
        let seen = 0;
        for (const record of records) seen += looked(record.data);
        return { seen, next: nextIterator };
      }),
    readAll: async () => (await call(target.iterator)).records,
  };
}

function apiOf({ endpoint, streamName }: ReadTarget, codec: 'json' | 'cbor'): KinesisApi {
  const clients = createClients({ region: benchRegion, credentials: benchCredentials, kinesisEndpoint: endpoint });
  return createAwsKinesis({
    client: clients.kinesis,
    stream: { streamName },
    clock: systemClock,
    codec,
    events: events(codec),
  });
}

function events(codec: string) {
  return {
    publish({ type }: { readonly type: string }): void {
      if (type === 'codec.fellBack') throw new Error(`the codec ${codec} was not used`);
    },
  };
}
