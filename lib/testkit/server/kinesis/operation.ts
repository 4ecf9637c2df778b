import type { Reply, ServiceCall } from '../service.ts';
import type { WireValue } from '../wire-format.ts';
import type { KinesisAccount } from './account.ts';

/** Answers one operation of Kinesis. */
export type KinesisOperation = (account: KinesisAccount, call: ServiceCall) => Reply;

/** An answer with members. */
export function value(members: { readonly [name: string]: WireValue | undefined }): Reply {
  return { kind: 'value', value: members };
}

/** The answer of operations that tell nothing. */
export const nothing: Reply = value({});
