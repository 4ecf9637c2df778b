import { open } from 'node:fs/promises';
import { MillraceError } from '../base/error.ts';
import type { KinesisRecord } from '../block/record.ts';
import { type DeadLetterFailure, parseDeadLetterLine } from './dead-letter-line.ts';

export type { KinesisRecord } from '../block/record.ts';

/** Processes one record of a dead-letter file. */
export type ReplayHandler = (record: KinesisRecord, failure: DeadLetterFailure) => Promise<void> | void;

/** What a replay has done. */
export interface ReplayOutcome {
  /** Records that the handler has taken. */
  readonly replayed: number;
  /** Numbers of the lines, from 1, that hold no record: a crash can leave half a line. */
  readonly unreadable: readonly number[];
}

/**
 * Hands the records of a dead-letter file to a handler, one after the other in the order of the file, which stays as it
 * is: remove it when the replay is done. The first failure of the handler ends the replay.
 * @throws MillraceError `MR_HANDLER_FAILED` naming the line, with what the handler threw as its cause; what opening and
 * reading the file throws
 */
export async function replayDeadLetters(path: string, handler: ReplayHandler): Promise<ReplayOutcome> {
  await using file = await open(path, 'r');
  const unreadable: number[] = [];
  let replayed = 0;
  let number = 0;
  for await (const line of file.readLines()) {
    number += 1;
    if (line === '') continue;
    const letter = parseDeadLetterLine(line);
    if (letter === undefined) {
      unreadable.push(number);
      continue;
    }
    try {
      await handler(letter.record, letter.failure);
    } catch (cause) {
      throw new MillraceError(
        'MR_HANDLER_FAILED',
        `the handler failed for line ${number} of ${path}; the ${replayed} records before it are replayed: mend the ` +
          'handler, remove their lines, and replay the rest',
        { cause, subject: { shard: letter.record.shardId } },
      );
    }
    replayed += 1;
  }
  return { replayed, unreadable };
}
