import type { Random } from '../base/random.ts';
import type { MetricSeries } from '../lease/lease.ts';
import type { Measurements } from '../lease/worker-reporter.ts';
import { chance } from './fork-random.ts';

/** How the CPU of a simulated worker behaves, in percent. */
export interface LoadModel {
  /** What it uses without a lease. */
  readonly base: number;
  /** What each lease adds. */
  readonly perLease: number;
  /** How likely a capture fails: 0 to 1. */
  readonly failing: number;
}

/** How many values a row keeps (kcl.md 1.3). */
const keptValues = 10;

/** What the load of a worker depends on. */
interface Surroundings {
  /** How many leases the worker holds now. */
  readonly leases: () => number;
  /** Whether captures that fail now and then do so; those that always fail go on in any case. */
  readonly isDisturbed: () => boolean;
}

/** Measures the CPU of a simulated worker, as a model of the leases that it holds. */
export class WorkerLoad {
  readonly #model: LoadModel;
  readonly #random: Random;
  readonly #surroundings: Surroundings;
  #values: readonly number[] = [];

  constructor(model: LoadModel, random: Random, surroundings: Surroundings) {
    this.#model = model;
    this.#random = random;
    this.#surroundings = surroundings;
  }

  /** The last values and one more, for a report. */
  measure(): Measurements {
    const { base, perLease, failing } = this.#model;
    const { leases, isDisturbed } = this.#surroundings;
    const fails = failing === 1 || (isDisturbed() && chance(this.#random, failing));
    const value = fails ? -1 : Math.min(100, base + perLease * leases());
    this.#values = [...this.#values, value].slice(-keptValues);
    const metrics: MetricSeries = { C: this.#values };
    return { metrics, operatingRange: { C: [100] } };
  }
}
