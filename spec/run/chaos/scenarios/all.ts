import type { Scenario } from '../scenario.ts';
import type { ServiceKind } from '../services.ts';
import { adminScenarios } from './admin.ts';
import { endScenarios } from './ends.ts';
import { handlerScenarios } from './handlers.ts';
import { outageScenarios } from './outages.ts';
import { reshardScenarios } from './reshards.ts';
import { shardLifeScenarios } from './shard-life.ts';
import { wayScenarios } from './ways.ts';

/** Every scenario, in the order in which `all` plays them. */
export const scenarios: readonly Scenario[] = [
  ...endScenarios,
  ...reshardScenarios,
  ...shardLifeScenarios,
  ...outageScenarios,
  ...handlerScenarios,
  ...wayScenarios,
  ...adminScenarios,
];

/** Those that `all` plays a second time, on emulators: a fake that only we believe proves nothing. */
const onEmulators: readonly string[] = ['sigterm', 'kill', 'join', 'merge', 'split-while-killed'];

/** A scenario and the services that it is played on. */
export interface Casting {
  readonly scenario: Scenario;
  readonly on: ServiceKind;
}

/**
 * The scenarios by their names; `all` stands for all on the fakes and some on the emulators as well.
 * @throws Error for a name that is none
 */
export function castingsOf(names: readonly string[], on: ServiceKind | undefined): readonly Casting[] {
  return names.flatMap((name): Casting[] => {
    if (name === 'all') return allCastings(on);
    const scenario = scenarios.find((one) => one.name === name);
    if (scenario === undefined) throw new Error(`there is no scenario ${JSON.stringify(name)}`);
    if (on === 'emulators' && scenario.needsFaults === true) {
      throw new Error(`the scenario ${name} needs calls to go wrong, which emulators cannot do`);
    }
    return [{ scenario, on: on ?? 'fakes' }];
  });
}

function allCastings(on: ServiceKind | undefined): Casting[] {
  const fakes = scenarios.map((scenario): Casting => ({ scenario, on: 'fakes' }));
  const emulators = scenarios
    .filter(({ name }) => onEmulators.includes(name))
    .map((scenario): Casting => ({ scenario, on: 'emulators' }));
  return [...fakes, ...emulators].filter((casting) => on === undefined || casting.on === on);
}
