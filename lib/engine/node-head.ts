/** What every node tells: its number in declaration order, and who made it where. */
export interface NodeHead {
  readonly id: number;
  /** The name of the method that made the node. */
  readonly operator: string;
  /** The line of the program that called it, `counts.ts:12`. */
  readonly site: string;
}

/** The node's name in messages: `map at counts.ts:12`. */
export function nameOf(node: NodeHead): string {
  return `${node.operator} at ${node.site}`;
}
