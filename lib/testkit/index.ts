/**
 * What Millrace tests itself with, for the tests of its users: virtual time, seeded randomness, and models of the
 * services behind the same ports that production code uses.
 */
export { seededRandom } from '../base/random.ts';
export { awsError, networkError } from './aws-error.ts';
export {
  type FakeCall,
  type FakeInterceptor,
  FakeKinesis,
  type FakeKinesisOptions,
  type FakeOperation,
  type FakeShardView,
} from './fake-kinesis.ts';
export { type InputBatches, type RunStreamOptions, runStream } from './stream-harness.ts';
export { VirtualClock, type RunUntilOptions, type VirtualClockOptions } from './virtual-clock.ts';
