import type { BatchIds } from '../../engine/commit/manifest.ts';
import type { Ledger } from '../ledger.ts';
import { type Tally, differenceOf } from './tally.ts';

/** What an output shows of a batch. */
export interface ShownBatch {
  readonly fence: number;
  readonly batchId: number;
  readonly tally: Tally;
}

/** What an output of a batch is told of the batches before it. */
export interface ToldVoided {
  readonly fence: number;
  readonly batchId: number;
  readonly voided: readonly BatchIds[];
}

interface KeptBatch {
  readonly group: string;
  readonly batchId: number;
  readonly records: readonly string[];
}

/**
 * A sink that overwrites, as `docs/exactly-once.md` asks of one: of each group it keeps what has the greatest (fence, batch
 * id), and refuses what is below.
 */
export class Shown {
  readonly #groups = new Map<string, ShownBatch>();
  /** By group and batch id, the records that a sink has under that name. */
  readonly #kept = new Map<string, KeptBatch>();
  /** By group, what the last output was told to be void. */
  readonly #voided = new Map<string, ToldVoided>();
  #refused = 0;

  /** Batches that came too late. */
  get refused(): number {
    return this.#refused;
  }

  /** Takes what an output shows. */
  put(group: string, batch: ShownBatch): void {
    const known = this.#groups.get(group);
    const isLate =
      known !== undefined &&
      (batch.fence < known.fence || (batch.fence === known.fence && batch.batchId < known.batchId));
    if (isLate) this.#refused += 1;
    else this.#groups.set(group, batch);
  }

  /**
   * Keeps the records of a planned batch under its id, as a file or a row of that name would; one that is there already must
   * hold the same. Answers why it does not.
   */
  keep(group: string, batchId: number, records: readonly string[]): string | undefined {
    const name = `batch ${batchId} of ${group}`;
    const known = this.#kept.get(name)?.records;
    if (known === undefined) this.#kept.set(name, { group, batchId, records });
    if (known === undefined || known.join() === records.join()) return undefined;
    return `repeats ${name} with other records: ${records.length}, not ${known.length}, or others, or in another order`;
  }

  /** Takes what an output is told of batches that a rewind has taken back: what is kept under their ids counts for nothing. */
  tellVoided(group: string, told: ToldVoided): void {
    const known = this.#voided.get(group);
    const isLate =
      known !== undefined && (told.fence < known.fence || (told.fence === known.fence && told.batchId < known.batchId));
    if (!isLate) this.#voided.set(group, told);
  }

  /** The records that are kept and count. */
  get #counting(): readonly string[] {
    return [...this.#kept.values()].flatMap(({ group, batchId, records }) => {
      const { voided = [] } = this.#voided.get(group) ?? {};
      return voided.some(({ from, through }) => batchId >= from && batchId <= through) ? [] : records;
    });
  }

  /** Why the records under the ids of all batches are not those that were put, each once. */
  whyNotKept(ledger: Ledger): string | undefined {
    const all = this.#counting;
    const kept = new Set(all);
    if (kept.size !== all.length) return `${all.length - kept.size} records are kept under two batch ids`;
    for (const { shardId, records } of ledger.shards) {
      const missing = records.find(({ sequence }) => !kept.has(`${shardId} ${sequence}`));
      if (missing !== undefined) return `record ${missing.number} of ${shardId} is kept under no batch id`;
    }
    return undefined;
  }

  /** Why a batch may not be committed yet: an output was not done. */
  whyNotShown(group: string, fence: number, batchId: number): string | undefined {
    const known = this.#groups.get(group);
    const isLater = known !== undefined && known.fence > fence;
    if (isLater || (known?.fence === fence && known.batchId >= batchId)) return undefined;
    return 'was not shown by its output';
  }

  /** Why what is shown of a group is not what it must be. */
  whyWrong(group: string, expected: Tally): string | undefined {
    const known = this.#groups.get(group);
    const difference = differenceOf(known?.tally ?? new Map(), expected);
    return difference === undefined ? undefined : `what is shown of ${group} is wrong: ${difference}`;
  }
}
