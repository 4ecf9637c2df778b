/** The level of a metric: SUMMARY data are published at both levels, DETAILED data at DETAILED only (KCL's rule). */
export type DatumLevel = 'SUMMARY' | 'DETAILED';

/** What is published: nothing, the summary, or all. */
export type MetricsLevel = 'NONE' | DatumLevel;

/** Whether data of a level are published at a configured one. */
export function isPublished(level: DatumLevel, configured: MetricsLevel): boolean {
  return configured === 'DETAILED' || configured === level;
}

/** The units of KCL's metrics. */
export type DatumUnit = 'Count' | 'Bytes' | 'Milliseconds';

/** KCL's names for the dimensions that can be left out (`metricsEnabledDimensions`); `Operation` always stays. */
export const dimensionNames = ['Operation', 'ShardIdentifier', 'StreamIdentifier', 'WorkerIdentifier'] as const;

/** One of KCL's names for a dimension. */
export type DimensionName = (typeof dimensionNames)[number];

/** Leaves out the dimensions that are not enabled. The values are kept: those of all shards become one statistic set. */
export function enabledDimensions(dimensions: DatumDimensions, enabled: readonly DimensionName[]): DatumDimensions {
  const { Operation, ShardId, StreamId, WorkerIdentifier } = dimensions;
  const kept = (name: DimensionName, value: string | undefined) => value !== undefined && enabled.includes(name);
  return {
    Operation,
    ...(kept('ShardIdentifier', ShardId) ? { ShardId } : {}),
    ...(kept('StreamIdentifier', StreamId) ? { StreamId } : {}),
    ...(kept('WorkerIdentifier', WorkerIdentifier) ? { WorkerIdentifier } : {}),
  };
}

/** KCL's dimensions. */
export interface DatumDimensions {
  readonly Operation: string;
  readonly ShardId?: string;
  /** The stream's name, in a program that reads several. */
  readonly StreamId?: string;
  readonly WorkerIdentifier?: string;
}

/** One figure of CloudWatch: a statistic set under a name and its dimensions. */
export interface Datum {
  readonly name: string;
  readonly unit: DatumUnit;
  readonly dimensions: DatumDimensions;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly count: number;
}

/** Statistic sets by name, unit and dimensions, as KCL accumulates them between two flushes. At most so many are kept. */
export class DatumSet {
  readonly #most: number;
  #data = new Map<string, Datum>();
  #dropped = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#data.size;
  }

  /** Values that were given up because the set is full, since the last `takeDropped`. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Adds one value. */
  add(name: string, unit: DatumUnit, dimensions: DatumDimensions, value: number): void {
    this.merge({ name, unit, dimensions, sum: value, minimum: value, maximum: value, count: 1 });
  }

  /** Puts a statistic set to what is there under its name. */
  merge(datum: Datum): void {
    const { Operation, ShardId = '', StreamId = '', WorkerIdentifier = '' } = datum.dimensions;
    const key = `${datum.name}\n${datum.unit}\n${Operation}\n${ShardId}\n${StreamId}\n${WorkerIdentifier}`;
    const known = this.#data.get(key);
    if (known === undefined && this.#data.size >= this.#most) this.#dropped += datum.count;
    else this.#data.set(key, known === undefined ? datum : merged(known, datum));
  }

  /** Everything, and begins anew. */
  take(): readonly Datum[] {
    const data = Array.from(this.#data.values());
    this.#data = new Map();
    return data;
  }
}

function merged(a: Datum, b: Datum): Datum {
  return {
    ...a,
    sum: a.sum + b.sum,
    minimum: Math.min(a.minimum, b.minimum),
    maximum: Math.max(a.maximum, b.maximum),
    count: a.count + b.count,
  };
}
