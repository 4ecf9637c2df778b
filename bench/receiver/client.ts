import { createConsumer } from '../../lib/app/consumer.ts';
import { benchCredentials, benchRegion } from '../read/variant.ts';
import { type ReceiverTarget, answerParent, lookAtBlock } from './worker.ts';

// The worker of `npm run bench -- receiver`. Argument: a ReceiverTarget as JSON. Questions: see ReceiverQuestion.

const target = JSON.parse(process.argv[2] ?? '{}') as ReceiverTarget;

const consumer = createConsumer({
  applicationName: `bench-${process.pid}`,
  region: benchRegion,
  credentials: benchCredentials,
  ...target,
});

void consumer.run(lookAtBlock);
answerParent();
