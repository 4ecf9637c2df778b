export { type ErrorCode, type ErrorSubject, MillraceError, type Reaction, isMillraceError } from './base/error.ts';
export type { Logger } from './base/logger.ts';
export type { Position } from './base/position.ts';
export type { BatchContext, BatchEngine } from './block/batch-engine.ts';
export type { Block } from './block/block.ts';
export type { Range } from './block/range.ts';
export type { KinesisRecord } from './block/record.ts';
export type { MillraceEvent } from './event/event.ts';
