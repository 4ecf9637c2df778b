import * as v from 'valibot';
import type { Logger } from '../../base/logger.ts';
import type { EventListener } from '../../event/bus.ts';
import { millis, programValue, wholeNumber } from './option-kinds.ts';

const isLogger = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ['debug', 'info', 'warn', 'error'].every((level) => typeof (value as Record<string, unknown>)[level] === 'function');

/** How the run ends and who hears of it. */
export const runningOptions = {
  shutdownGraceMillis: millis(
    { brief: 'How long a drain may take before it becomes an abort, milliseconds.', defaultText: '25000' },
    0,
  ),
  receiverRestartDelayMillis: millis(
    {
      brief: 'Wait before a receiver that failed is started again, milliseconds; doubles up to 60000.',
      defaultText: '2000',
    },
    0,
  ),
  maxReceiverRestarts: wholeNumber(
    {
      brief: 'Restarts of the receiver without a minute of reading in between; then the run ends with its fault.',
      defaultText: '5',
    },
    { least: 0, most: 1_000_000, unit: 'restarts' },
  ),
  logger: programValue<Logger>(
    {
      brief: 'Where to log.',
      defaultText: 'JSON lines to stderr from level warn',
      expects: 'an object with the methods debug, info, warn and error',
    },
    v.custom<Logger>(isLogger),
  ),
  listener: programValue<EventListener>(
    { brief: 'Hears every event.', expects: 'a function' },
    v.custom<EventListener>((value) => typeof value === 'function'),
  ),
};
