export { type Consumer, type ProcessorRunOptions, type RunOptions, createConsumer } from './app/consumer.ts';
export type { RecordBatch, RecordBatchHandler } from './app/finish-blocks.ts';
export type { AckableBlock } from './app/pull-loop.ts';
export {
  type Admin,
  type AdminOptions,
  type LeaseView,
  type SeekRequest,
  type ShardLag,
  createAdmin,
} from './app/admin.ts';
export type { StateFault } from './app/state/group-view.ts';
export type { StateMigration } from './app/state/migrate.ts';
export type { StateMove } from './app/state/move-group.ts';
export type { RewindTarget } from './app/state/rewind-plan.ts';
export type { SeekState } from './app/state/seek-state.ts';
export type {
  RewindRequest,
  StateAdmin,
  StateGroupView,
  StateGapView,
  StateVersionView,
  StateView,
} from './app/state/state-admin.ts';
export { type EngineReceiver, type FeedOptions, createReceiver } from './app/create-receiver.ts';
export type {
  ConsumerOptions,
  CredentialIdentity,
  Credentials,
  FailureOptions,
} from './app/config/consumer-options.ts';
export { fromLambda } from './app/lambda/from-lambda.ts';
export type { LambdaFilter, LambdaOptions } from './app/lambda/lambda-options.ts';
export type {
  LambdaCallback,
  LambdaContext,
  LambdaHandler,
  LambdaKinesisEvent,
  LambdaKinesisRecord,
  LambdaWindowFields,
} from './app/lambda/lambda-types.ts';
export { deadLetterFile } from './app/dead-letter-file.ts';
export type { DeadLetterFailure } from './app/dead-letter-line.ts';
export { type DeadLetterStreamOptions, deadLetterStream } from './app/dead-letter-stream.ts';
export { type ReplayHandler, type ReplayOutcome, replayDeadLetters } from './app/replay-dead-letters.ts';
export { type DynamoSinkOptions, dynamoSink } from './app/sinks/dynamo-sink.ts';
export { type KinesisSinkOptions, type SinkRecord, kinesisSink } from './app/sinks/kinesis-sink.ts';
export {
  type KinesisStreamOptions,
  type ReceiversOptions,
  type StopOptions,
  StreamingContext,
  type StreamingContextOptions,
} from './app/streaming-context.ts';
export { type ErrorCode, type ErrorSubject, MillraceError, type Reaction, isMillraceError } from './base/error.ts';
export type { Logger } from './base/logger.ts';
export type { Position } from './base/position.ts';
export type { BatchContext, BatchEngine } from './block/batch-engine.ts';
export type { DemandLimit } from './block/block-source.ts';
export type { Block } from './block/block.ts';
export type { Range } from './block/range.ts';
export type { KinesisRecord } from './block/record.ts';
export type { Batch } from './engine/batch.ts';
export type { DedupeOptions, OutputOptions } from './engine/base-stream.ts';
export type { OperatorContext, OutputContext, TransformContext } from './engine/node.ts';
export type { GeneratorContext, QueueStreamOptions } from './engine/queue-source.ts';
export type { ReceiverSupervisor, StreamReceiver } from './engine/receiver-source.ts';
export type { BatchIds } from './engine/commit/manifest.ts';
export type { ConversionContext, StateConversion } from './engine/commit/state-conversion.ts';
export { type StateStore, fileState, memoryState, s3State } from './engine/state-store.ts';
export type { S3ClientLike, S3StoreOptions } from './engine/store/s3-store.ts';
export { type FileSinkOptions, fileSink } from './engine/sink/file-sink.ts';
export type { Sink, SinkContext, SinkGuarantee } from './engine/sink/sink.ts';
export { StateSpec } from './engine/state/state-spec.ts';
export type { State } from './engine/state/state.ts';
export type { DStream, PairDStream, StateDStream } from './engine/stream.ts';
export type { UiAddress, UiOptions } from './app/config/ui-options.ts';
export type { EventListener } from './event/bus.ts';
export type { MillraceEvent } from './event/event.ts';
export type { DrainedWorker } from './lease/drain-request.ts';
export type { AlertThresholds } from './monitor/alerts.ts';
export type {
  BatchInfo,
  OutputOperationInfo,
  ReceiverInfo,
  StreamInputInfo,
  StreamingListener,
} from './monitor/listener.ts';
export type { Snapshot } from './monitor/snapshot/snapshot.ts';
export type { SeekMove } from './lease/seeker.ts';
export type { DeadLetter, DeadLetterContext } from './receiver/dead-letter.ts';
export type {
  CheckpointMode,
  ExtendedSequenceNumber,
  InitializationInput,
  LastChanceInput,
  LeaseLostInput,
  PrepareCheckpointOptions,
  PreparedCheckpointer,
  ProcessRecordsInput,
  RecordProcessorCheckpointer,
  ShardRecordProcessor,
  ShardRecordProcessorFactory,
} from './receiver/processor/record-processor.ts';
