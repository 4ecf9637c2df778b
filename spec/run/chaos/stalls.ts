import type { Stage } from './stage.ts';

/** A process did not get to its work for so long. */
export interface Stall {
  readonly process: string;
  readonly atMillis: number;
  readonly latenessMillis: number;
}

/** A stall longer than this makes the durations of its round void. */
export const voidingStallMillis = 500;

/** The stalls that make a round's durations void: while they counted, and of nobody who was stalled on purpose. */
export function stallsOf(stage: Stage, own: readonly Stall[]): readonly Stall[] {
  const workers = stage.workers.flatMap((worker) =>
    worker.lines.flatMap((line): Stall[] => {
      if (line.type !== 'stall') return [];
      const { atMillis, latenessMillis } = line;
      const isMeant = stage.stalledOnPurpose.some(
        ({ worker: name, fromMillis, throughMillis }) =>
          name === worker.name && atMillis >= fromMillis && atMillis - latenessMillis <= throughMillis,
      );
      return isMeant ? [] : [{ process: worker.name, atMillis, latenessMillis }];
    }),
  );
  const load = stage.load.gaps.map((gap): Stall => ({ process: 'the load', ...gap }));
  return [...own, ...load, ...workers].filter(
    ({ atMillis, latenessMillis }) => latenessMillis > voidingStallMillis && atMillis >= stage.measuringSinceMillis,
  );
}
