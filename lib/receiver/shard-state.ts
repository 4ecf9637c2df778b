import type { LegalEdges } from '../base/state.ts';

/**
 * The life of a shard in one tenure.
 *
 * - `waitingForParents`: a parent is not read to its end yet
 * - `starting`: the shard is opened, at first or again after a fault; no page has come yet
 * - `reading`: pages come in, blocks go out
 * - `draining`: no more reads; what was handed out is waited for. `why` says what follows
 * - `ended`: SHARD_END is checkpointed
 * - `lost`: the lease is gone; nothing more is handed out
 * - `stopped`: drained or dropped on request, the lease still held
 * - `failed`: the shard met a fault that does not pass; its lease is given up
 */
export type ShardState =
  | { readonly tag: 'waitingForParents' }
  | { readonly tag: 'starting' }
  | { readonly tag: 'reading' }
  | { readonly tag: 'draining'; readonly why: 'shardEnd' | 'request' | 'bound' | 'fault' }
  | { readonly tag: 'ended' }
  | { readonly tag: 'lost' }
  | { readonly tag: 'stopped' }
  | { readonly tag: 'failed'; readonly fault: unknown };

/** The edges that the life of a shard may take; any other throws. */
export const shardEdges: LegalEdges<ShardState> = {
  waitingForParents: ['starting', 'lost', 'stopped', 'failed'],
  starting: ['reading', 'draining', 'lost', 'stopped', 'failed'],
  reading: ['starting', 'draining', 'lost', 'stopped', 'failed'],
  draining: ['ended', 'lost', 'stopped', 'failed'],
  ended: [],
  lost: [],
  stopped: [],
  failed: [],
};
