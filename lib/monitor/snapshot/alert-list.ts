import type { MillraceEvent } from '../../event/event.ts';
import { type AlertName, type AlertView, alertNames } from './snapshot.ts';

/** The alerts that are raised and not cleared. */
export class AlertList {
  readonly #alerts = new Map<string, AlertView>();
  #views: readonly AlertView[] | undefined;

  /** The oldest first. */
  get views(): readonly AlertView[] {
    this.#views ??= Array.from(this.#alerts.values());
    return this.#views;
  }

  /** Takes one event into account. */
  add(event: MillraceEvent, atMillis: number): void {
    if (event.type === 'alert.cleared') {
      this.#alerts.delete(`${event.alert}:${event.subject}`);
      this.#views = undefined;
      return;
    }
    if (event.type !== 'alert.raised' || !isAlert(event.alert)) return;
    const { alert, subject, message, value, threshold } = event;
    const key = `${alert}:${subject}`;
    const sinceMillis = this.#alerts.get(key)?.sinceMillis ?? atMillis;
    this.#views = undefined;
    this.#alerts.set(key, { alert, subject, message, value, threshold, sinceMillis });
  }
}

function isAlert(name: string): name is AlertName {
  return (alertNames as readonly string[]).includes(name);
}
