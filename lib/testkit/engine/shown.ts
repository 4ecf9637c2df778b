import { type Tally, differenceOf } from './tally.ts';

/** What an output shows of a batch. */
export interface ShownBatch {
  readonly fence: number;
  readonly batchId: number;
  readonly tally: Tally;
}

/**
 * A sink that overwrites, as `docs/exactly-once.md` asks of one: of each group it keeps what has the greatest (fence, batch
 * id), and refuses what is below.
 */
export class Shown {
  readonly #groups = new Map<string, ShownBatch>();
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
