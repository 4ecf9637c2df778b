/**
 * Under what a batch was read and may be committed: the tenure of its shard in `shard` scope, the epoch of the
 * application in `application` scope. A greater number is a later holder.
 */
export interface Fence {
  readonly kind: 'tenure' | 'epoch';
  readonly number: number;
}

/** The fence as a part of a name or a message: `t7`, `e3`. */
export function formatFence({ kind, number }: Fence): string {
  return `${kind === 'tenure' ? 't' : 'e'}${number}`;
}

/** Reads what {@link formatFence} wrote; `undefined` for anything else. */
export function parseFence(text: string): Fence | undefined {
  const match = /^([te])(\d{1,15})$/.exec(text);
  if (match === null) return undefined;
  return { kind: match[1] === 't' ? 'tenure' : 'epoch', number: Number(match[2]) };
}

/** Whether two fences are the same holder's. */
export function sameFence(a: Fence, b: Fence): boolean {
  return a.kind === b.kind && a.number === b.number;
}
