import { setTimeout as delay } from 'node:timers/promises';

/** How long anything is waited for. */
export const waitLimitMillis = 120_000;

/**
 * Asks again and again until the answer is neither `undefined` nor `false`.
 * @throws Error after 120 s, with the last state
 */
export async function waitUntil<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  lastState: () => unknown,
  pauseMillis = 50,
): Promise<T> {
  const giveUpAt = performance.now() + waitLimitMillis;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > giveUpAt) {
      const state = lastState();
      throw new Error(
        `waited ${waitLimitMillis / 1_000} s for ${what}; last state: ${typeof state === 'string' ? state : JSON.stringify(state, undefined, 1)}`,
      );
    }
    await delay(pauseMillis);
  }
}
