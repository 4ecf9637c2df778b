import type { Random } from '../../base/random.ts';
import { LeaseCleaner } from '../../lease/lease-cleaner.ts';
import { between } from '../fork-random.ts';
import type { EngineWorld } from './engine-world.ts';

/**
 * Deletes the leases of ended shards as a leader does once a minute, and more often, since a simulation is over by then: what
 * an application does with shards of which no row is left is to be seen.
 */
export class EngineCleaner {
  readonly #world: EngineWorld;
  readonly #random: Random;
  readonly #cleaner: LeaseCleaner;
  #cancel: (() => void) | undefined;

  /** `onDelete` is told of each lease that was deleted. */
  constructor(world: EngineWorld, random: Random, onDelete: (leaseKey: string) => void) {
    this.#world = world;
    this.#random = random;
    const events = {
      publish: (event: { readonly type: string; readonly leaseKey?: string }) => onDelete(event.leaseKey ?? ''),
    };
    this.#cleaner = new LeaseCleaner({ table: world.table, events, isLeader: () => true });
  }

  /** Plans the next round. */
  begin(): void {
    const { clock } = this.#world;
    this.#cancel = clock.timer(between(this.#random, 200, 4_000), () => {
      void this.#clean();
      this.begin();
    });
  }

  /** Plans no more. */
  end(): void {
    this.#cancel?.();
  }

  async #clean(): Promise<void> {
    const { table, notePerform } = this.#world;
    notePerform('cleaner');
    await this.#cleaner.clean([...table.rows], new AbortController().signal);
  }
}
