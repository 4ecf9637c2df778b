import { writeSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { type LogLevel, jsonLogger } from '../monitor/log.ts';

/** The logger of a consumer that was given none: JSON lines to stderr, from level warn. */
export function defaultLogger(level: LogLevel = 'warn'): Logger {
  return jsonLogger({ write: (line) => process.stderr.write(line), wallMillis: () => systemClock.wallMillis(), level });
}

/** The same lines, written past the event loop: for a thread that tells of a main thread which does not answer. */
export function urgentLogger(): Logger {
  const write = (line: string) => void writeSync(standardError, line);
  return jsonLogger({ write, wallMillis: () => systemClock.wallMillis() });
}

/** The file descriptor of standard error. */
const standardError = 2;
