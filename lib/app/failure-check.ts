import { MillraceError } from '../base/error.ts';
import { nameOf } from '../engine/node-head.ts';
import type { Plan } from '../engine/plan.ts';
import type { FailurePolicy } from '../receiver/failure-policy.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { environmentName } from './config/option.ts';

/**
 * Refuses a failure policy that could never do what was asked of it: who says where records go that are given up, but not
 * when, would wait for that for ever.
 * @throws MillraceError `MR_CONFIG_INVALID` naming `onFailure.then`
 */
export function checkPolicy(policy: FailurePolicy): void {
  const { then, maximumRetryAttempts, maximumRecordAgeInSeconds } = policy;
  if (then === 'STOP' || maximumRetryAttempts >= 0 || maximumRecordAgeInSeconds >= 0) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `onFailure.then is ${typeof then === 'string' ? then : 'a dead letter'}, but nothing is ever given up: ` +
      'maximumRetryAttempts and maximumRecordAgeInSeconds are both -1, without limit; set one of them',
    { subject: { option: 'onFailure.then' } },
  );
}

/**
 * Refuses `onFailure` for a loop over blocks: nobody there hears of a failure. A block is finished when it is acked.
 * @throws MillraceError `MR_CONFIG_INVALID` naming the option
 */
export function checkPulled({ givenOnFailure: [option] }: Pick<ConsumerSettings, 'givenOnFailure'>): void {
  if (option === undefined) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${option} has no effect on blocks(): a loop decides itself what it does about a failure, and says by block.ack() what is finished; ` +
      'remove it, or use run()',
    { subject: { option } },
  );
}

/**
 * Refuses `onFailure` for a stream of a context, whoever gave it, a program or the environment: there a batch fails as a whole.
 * @throws MillraceError `MR_CONFIG_INVALID` naming the option
 */
export function checkStreamed({ givenOnFailure: [option] }: Pick<ConsumerSettings, 'givenOnFailure'>): void {
  if (option === undefined) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${option} (${environmentName(option)}) has no effect in a StreamingContext, which repeats a batch that fails as a whole: ` +
      'remove it, and say with maximumRetryAttempts of the context how often',
    { subject: { option } },
  );
}

/**
 * Refuses a queue beside state that is kept: what it gave is gone with the process, so that a batch of it cannot be repeated
 * (Spark refuses it, too).
 * @throws MillraceError `MR_CONFIG_INVALID` naming the queue
 */
export function checkReplayable({ nodes }: Plan): void {
  const queue = nodes.find((node) => node.tag === 'input' && node.operator === 'queueStream');
  if (queue === undefined) return;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${nameOf(queue)} cannot be recovered: what it gave is gone with the process, and the state of the application may hold it; ` +
      'read it from a stream, or give the state up with `millrace state migrate --discard-state`',
  );
}
