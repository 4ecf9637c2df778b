import type { Random } from '../../base/random.ts';
import { namePartOf } from '../store/object-store.ts';
import { type Fence, formatFence, parseFence } from './fence.ts';

/** What an object of a commit group is: a manifest with the state that its batch left, or the plan of a batch. */
export type ObjectKind = 'manifest' | 'plan';

/** What an object's name tells about it. */
export interface ObjectName {
  readonly kind: ObjectKind;
  readonly batchId: number;
  readonly fence: Fence;
}

const batchDigits = 12;
const namePattern = /^(manifest|plan)-(\d{12,})-([te]\d+)(?:-([0-9a-f]+))?\.json$/;

/** Where all objects of a commit group are: `counts/shardId-000000000000/`. */
export function groupPrefix(application: string, group: string): string {
  return `${namePartOf(application)}/${namePartOf(group)}/`;
}

/**
 * A name that nobody else makes: it carries the fence and a random part, so that two holders, or two tries of one, never
 * write to the same object (design section 8).
 */
export function newObjectName(prefix: string, { kind, batchId, fence }: ObjectName, random: Random): string {
  return `${prefix}${kind}-${digits(batchId)}-${formatFence(fence)}-${random.hex(16)}.json`;
}

/** Reads a name; `undefined` for one that no version of Millrace makes, which is nobody's garbage. */
export function readObjectName(prefix: string, name: string): ObjectName | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const match = namePattern.exec(name.slice(prefix.length));
  const fence = parseFence(match?.[3] ?? '');
  if (match === null || fence === undefined) return undefined;
  return { kind: match[1] as ObjectKind, batchId: Number(match[2]), fence };
}

function digits(batchId: number): string {
  return batchId.toString().padStart(batchDigits, '0');
}
