/** How far a drain is. */
export interface Draining {
  readonly shards: readonly string[];
  readonly blocks: number;
  readonly forMillis: number;
}

/** The line about a drain: what is awaited, and for how long at most. */
export function drainingLine({ shards, blocks, forMillis }: Draining, graceMillis: number): string {
  const leftSeconds = Math.max(0, Math.ceil((graceMillis - forMillis) / 1_000));
  const awaited =
    blocks === 0
      ? 'the last checkpoints'
      : `${countOf(blocks, 'block')} of ${countOf(shards.length, 'shard')} (${namesOf(shards)})`;
  return `draining: waiting for ${awaited}, at most ${leftSeconds} s more; a second signal ends it at once\n`;
}

/** Enough names to know where to look. */
function namesOf(shards: readonly string[]): string {
  return shards.length <= 3 ? shards.join(', ') : `${shards.slice(0, 3).join(', ')}, ...`;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
