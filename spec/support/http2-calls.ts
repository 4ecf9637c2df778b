/**
 * A program for a child process that trusts the test's certificate: makes `count` calls at once, three times over,
 * through one client, and prints how many were answered.
 */
import { createClients } from '../../lib/app/clients.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import { testCredentials, testRegion } from './local-stack.ts';

const [endpoint = '', count = '0'] = process.argv.slice(2);
const clients = createClients({ region: testRegion, credentials: testCredentials, kinesisEndpoint: endpoint });
const api = createAwsKinesis({
  client: clients.kinesis,
  stream: { streamName: 'orders' },
  clock: systemClock,
  events: { publish: () => {} },
});
let answered = 0;
for (let round = 0; round < 3; round += 1) {
  const calls = Array.from({ length: Number(count) }, () => api.describeStream(new AbortController().signal));
  answered += (await Promise.all(calls)).length;
}
process.stdout.write(String(answered));
clients.destroy();
