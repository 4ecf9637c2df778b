import { assignmentOptions } from './assignment-options.ts';
import { blockOptions } from './block-options.ts';
import { connectionOptions } from './connection-options.ts';
import { failureOptions } from './failure-options.ts';
import { fanOutOptions } from './fan-out-options.ts';
import { identityOptions } from './identity-options.ts';
import { leaseOptions } from './lease-options.ts';
import { monitorOptions } from './monitor-options.ts';
import type { OptionTable, ValuesOf } from './option.ts';
import { readingOptions } from './reading-options.ts';
import { runningOptions } from './running-options.ts';

/** Every option of a consumer, area by area; the order is that of the help. */
export const consumerOptionList = {
  ...identityOptions,
  ...connectionOptions,
  ...leaseOptions,
  ...assignmentOptions,
  ...readingOptions,
  ...fanOutOptions,
  ...blockOptions,
  ...failureOptions,
  ...runningOptions,
  ...monitorOptions,
} satisfies OptionTable;

/** The checked values, before defaults. */
export type ConsumerValues = ValuesOf<typeof consumerOptionList>;
