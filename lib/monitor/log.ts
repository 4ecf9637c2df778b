import { isMillraceError, messageOf } from '../base/error.ts';
import { jsonLine } from '../base/json-line.ts';
import type { Logger } from '../base/logger.ts';

/** The levels of a logger, the quietest last. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** A level of a logger. */
export type LogLevel = (typeof logLevels)[number];

/** Options of {@link jsonLogger}. */
export interface JsonLoggerOptions {
  /** Takes each line, with its newline. */
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly wallMillis: () => number;
  /** Lines below this level are not made; default `'warn'`. */
  readonly level?: LogLevel;
}

/**
 * A logger that writes one JSON object a line: `time` (ISO 8601, UTC), `level`, `msg`, then the fields. Errors among
 * the fields become `{ name, code, message }`; a line moves no terminal's cursor, whatever is in it.
 */
export function jsonLogger(options: JsonLoggerOptions): Logger {
  const least = logLevels.indexOf(options.level ?? 'warn');
  const at = (level: LogLevel) => (fields: object, message: string) => {
    if (logLevels.indexOf(level) < least) return;
    const head = { time: new Date(options.wallMillis()).toISOString(), level, msg: message };
    options.write(`${lineOf(head, fields)}\n`);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function lineOf(head: object, fields: object): string {
  const plain = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));
  try {
    return jsonLine({ ...head, ...plain, ...head });
  } catch (thrown) {
    // Logging must never be what ends a run: fields that cannot be written (a cycle) leave the line without them.
    return jsonLine({ ...head, fieldsNotWritten: messageOf(thrown) });
  }
}

function plainValue(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const code = isMillraceError(value) ? { code: value.code } : {};
  return { name: value.name, ...code, message: value.message };
}
