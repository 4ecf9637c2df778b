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
export type { ConformanceCase } from './conformance/case.ts';
export type { KinesisBench, KinesisSubject } from './conformance/kinesis-bench.ts';
export { kinesisSuite } from './conformance/kinesis-suite.ts';
export { type ReaderMaker, readerSuite } from './conformance/reader-suite.ts';
