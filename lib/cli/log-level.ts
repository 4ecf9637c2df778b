import { MillraceError } from '../base/error.ts';
import type { Logger } from '../base/logger.ts';
import { type LogLevel, jsonLogger, logLevels } from '../monitor/log.ts';
import type { CommandContext } from './command-io.ts';

/**
 * The logger of a command: JSON lines from the level of the flag, of the variable, or warn; on stderr unless told where.
 * @throws MillraceError `MR_CONFIG_INVALID` for a word that is no level
 */
export function loggerOf(
  { io, env }: CommandContext,
  flag: string | undefined,
  write: (line: string) => void = (line) => io.stderr.write(line),
): Logger {
  const level = logLevelOf(flag, env['MILLRACE_LOG_LEVEL']);
  return jsonLogger({ write, wallMillis: () => io.clock.wallMillis(), level });
}

function logLevelOf(flag: string | undefined, variable: string | undefined): LogLevel {
  const given = flag ?? variable ?? 'warn';
  const level = logLevels.find((one) => one === given);
  if (level !== undefined) return level;
  const from = flag === undefined ? 'MILLRACE_LOG_LEVEL' : '--log-level';
  throw new MillraceError('MR_CONFIG_INVALID', `${from} is ${JSON.stringify(given)}: give ${logLevels.join(', ')}`, {
    subject: { option: 'log-level' },
  });
}
