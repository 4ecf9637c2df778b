/**
 * What the stateful operators of one commit group remember, by their keys in the plan: one immutable value for each.
 * A batch makes a new memory beside the old one, and the old one counts until the batch is committed.
 */
export type Memory = ReadonlyMap<string, unknown>;

/** The memory before the first batch. */
export const emptyMemory: Memory = new Map();
