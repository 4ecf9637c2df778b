/**
 * What Millrace tests itself with, for the tests of its users: virtual time, seeded randomness, models of the
 * services behind the same ports that production code uses, and the services over the wire on this machine.
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
export { type BatchEngineBench, type BatchEngineMaker, batchEngineSuite } from './conformance/batch-engine-suite.ts';
export type { ConformanceCase } from './conformance/case.ts';
export type { KinesisBench, KinesisSubject } from './conformance/kinesis-bench.ts';
export { kinesisSuite } from './conformance/kinesis-suite.ts';
export {
  type KinesisLimitsBench,
  type KinesisLimitsSubject,
  kinesisLimitsSuite,
} from './conformance/kinesis-limits-suite.ts';
export { type ReaderMaker, readerSuite } from './conformance/reader-suite.ts';
export { type SinkBench, type SinkItem, type SinkTarget, sinkSuite } from './conformance/sink-suite.ts';
export { type FakeAwsChildOptions, startFakeAwsChild } from './server/child.ts';
export type { FakeAws, FakeAwsStats } from './server/fake-aws.ts';
export type { FakeFault, FakeFaultEffect } from './server/faults.ts';
export type { BulkStreamFigures, BulkStreamOptions } from './server/kinesis/bulk-stream.ts';
export { type FakeAwsOptions, type LocalFakeAws, startFakeAws } from './server/start.ts';
export { type Fleet, BrokenPromise, createFleet } from './fleet.ts';
export type { FleetBatch, FleetConsumer, FinishingOptions } from './fleet-consumer.ts';
export type { FleetOptions, FleetSettings, StartOptions } from './fleet-options.ts';
export type { FleetWorker } from './fleet-worker.ts';
