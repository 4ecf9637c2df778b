import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../base/clock.ts';
import { systemRandom } from '../base/random.ts';
import { Heartbeat } from '../lease/thread/heartbeat.ts';
import { KeeperHost } from '../lease/thread/keeper-host.ts';
import { urgentLogger } from './default-logger.ts';
import { createDynamoClient } from './dynamo-client.ts';
import type { KeeperThreadData, ToThread, FromThread } from './keeper-thread-data.ts';
import { createLeaseTable } from './lease-table.ts';

/** The program of the keeper's thread: a lease table of its own, and a keeper that is asked by messages. */
function main(data: KeeperThreadData, post: (message: FromThread) => void): (message: ToThread) => void {
  const { region, dynamoDBEndpoint, workerIdentifier } = data;
  let latest = data.credentials;
  const dynamoDB = createDynamoClient({
    region,
    // Said to expire, so that the client asks at each call and takes what the main thread sent last.
    credentials: async () => ({ ...latest, expiration: new Date(0) }),
    ...(dynamoDBEndpoint === undefined ? {} : { dynamoDBEndpoint }),
  });
  const host = new KeeperHost({
    ...data,
    table: createLeaseTable({ dynamoDB }, data.tables, systemClock),
    heartbeat: new Heartbeat(data.heartbeat),
    clock: systemClock,
    random: systemRandom,
    post,
    onStalled: (forMillis, released) => {
      if (!data.logsStalls) return;
      const fields = { event: 'worker.stalled', workerIdentifier, forMillis, released };
      urgentLogger().error(fields, 'the main thread does not answer, so its leases stand still');
    },
  });
  return (message) => {
    if (message.type === 'credentials') latest = message.credentials;
    else host.take(message);
  };
}

if (parentPort !== null) {
  const port = parentPort;
  port.on(
    'message',
    main(workerData as KeeperThreadData, (message) => port.postMessage(message)),
  );
  port.postMessage({ type: 'ready' } satisfies FromThread);
}
