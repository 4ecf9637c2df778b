import type { Readable, Writable } from 'node:stream';
import type { Environment } from '../app/config/environment.ts';
import type { Clock } from '../base/clock.ts';

/** Where a person may be watching. */
export interface TerminalStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Where a person may be typing. */
export interface InputStream extends Readable {
  readonly isTTY?: boolean;
}

/** The outside of a command: its streams, its signals and its clock. */
export interface CommandIo {
  readonly stdin: InputStream;
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
  readonly clock: Clock;
  /** Calls back at each SIGINT and SIGTERM with the signal's number; the returned function ends it. */
  onSignal(handler: (signalNumber: number) => void): () => void;
}

/** What a command works with, beside its flags; the command sets `exitCode`. */
export interface CommandContext {
  readonly process: { readonly stdout: CommandOutput; readonly stderr: CommandOutput; exitCode?: number };
  readonly io: CommandIo;
  readonly env: Environment;
  /** How many arguments stand behind `--`. */
  readonly behindDashes: number;
}

/** A stream as the argument parser wants it. */
interface CommandOutput {
  readonly write: (text: string) => void;
}
