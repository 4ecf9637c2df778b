import type { ConfigurationEntry, ConfigurationSection } from '../web/source.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';

const given = '(given by the program)';

/** Options that are secrets, or objects of the program: that they are given is all that is told. */
const hidden: readonly (keyof ConsumerSettings)[] = ['credentials', 'logger', 'listener', 'ui'];

/** Parts of the settings that are no options. */
const internal: readonly (keyof ConsumerSettings)[] = ['isUnackedLimitGiven'];

/** The settings of each receiver for people to read, without secrets. */
export function shownSettings(receivers: readonly ConsumerSettings[]): ConfigurationSection[] {
  return receivers.map((settings, index) => ({
    title: `KinesisReceiver-${index} · ${settings.streamName}`,
    entries: entriesOf(settings),
  }));
}

/** Options of a context that are objects of the program; all others are shown as they are. */
interface ShownObjects {
  readonly state?: { readonly location: string };
  readonly output?: unknown;
  readonly convertState?: unknown;
  readonly ui?: unknown;
}

/** The options of a context for people to read: those that were given, and where its state is. */
export function shownContext<Options extends ShownObjects>(options: Options): ConfigurationSection {
  const { state, output, convertState, ui, ...rest } = options;
  const objects = Object.entries({ output, convertState, ui }).filter(([, value]) => value !== undefined);
  const entries = [
    ...Object.entries(rest).flatMap(([name, value]) => entryOf(name, value, false)),
    ...objects.map(([name]) => ({ name, value: given })),
    { name: 'state', value: state === undefined ? null : withoutUserInfo(state.location) },
  ];
  return { title: 'StreamingContext', entries: entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
}

function entriesOf(settings: ConsumerSettings): ConfigurationEntry[] {
  return (Object.keys(settings) as (keyof ConsumerSettings)[])
    .filter((name) => !internal.includes(name))
    .flatMap((name) => entryOf(name, settings[name], hidden.includes(name)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function entryOf(name: string, value: unknown, isHidden: boolean): ConfigurationEntry[] {
  if (value === undefined || value === null) return [{ name, value: null }];
  if (isHidden || typeof value === 'function') return [{ name, value: given }];
  if (typeof value === 'object' && !('type' in value) && !Array.isArray(value)) {
    if (Object.getPrototypeOf(value) !== Object.prototype) return [{ name, value: given }];
    return Object.entries(value).flatMap(([inner, one]) => entryOf(`${name}.${inner}`, one, false));
  }
  return [{ name, value: textOf(value) }];
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return withoutUserInfo(value);
  return JSON.stringify(value);
}

/** An endpoint may carry a name and a password. */
function withoutUserInfo(text: string): string {
  return text.replace(/^(\w+:\/\/)[^/@]*@/, '$1***@');
}
