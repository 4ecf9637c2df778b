import { MillraceError } from '../base/error.ts';
import { type LogLevel, logLevels } from '../monitor/log.ts';

/**
 * The least level of the log: the flag before the variable before `warn`.
 * @throws MillraceError `MR_CONFIG_INVALID` for a word that is no level
 */
export function logLevelOf(flag: string | undefined, variable: string | undefined): LogLevel {
  const given = flag ?? variable ?? 'warn';
  const level = logLevels.find((one) => one === given);
  if (level !== undefined) return level;
  const from = flag === undefined ? 'MILLRACE_LOG_LEVEL' : '--log-level';
  throw new MillraceError('MR_CONFIG_INVALID', `${from} is ${JSON.stringify(given)}: give ${logLevels.join(', ')}`, {
    subject: { option: 'log-level' },
  });
}
