import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { type LogLevel, jsonLogger } from '../monitor/log.ts';

/** The logger of a consumer that was given none: JSON lines to stderr, from level warn. */
export function defaultLogger(level: LogLevel = 'warn'): Logger {
  return jsonLogger({ write: (line) => process.stderr.write(line), wallMillis: () => systemClock.wallMillis(), level });
}
