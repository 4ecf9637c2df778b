import { createConsumer } from '../../../lib/app/consumer.ts';
import type { ConsumerOptions } from '../../../lib/app/config/consumer-options.ts';
import { silenceSdkVersionNotice } from '../../../lib/app/config/environment.ts';

// A worker in a process of its own, to be killed: reads under leases and tells each number that it read, a line each, on
// standard output. Argument: the options of its consumer as JSON.

silenceSdkVersionNotice();
const consumer = createConsumer(JSON.parse(process.argv[2] ?? '{}') as ConsumerOptions);
await consumer.run(
  async ({ records }) => {
    const text = records.map((record) => `${record.text()}\n`).join('');
    await new Promise<void>((resolve) => void process.stdout.write(text, () => resolve()));
  },
  { signals: ['SIGTERM'] },
);
