import { type Clock, sleep } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import type { AwsDynamo, TableDescription } from './aws-dynamo.ts';

/** How often a new table is asked whether it is active, and for how long at most (KCL waits 600 s). */
const activePollMillis = 500;
const activeTimeoutMillis = 600_000;

/** What {@link openTable} needs. */
export interface OpenTableOptions {
  readonly dynamo: AwsDynamo;
  readonly clock: Clock;
  /** Makes the table; `false` when another worker has just done so. */
  readonly create: () => Promise<boolean>;
  /** Throws when the table is not one of the right kind; asked before it is active, since nothing may be written to it. */
  readonly check: (description: TableDescription) => void;
  readonly signal: AbortSignal;
}

/**
 * Waits until a table is active, and makes it if there is none.
 * @throws MillraceError `MR_ENDPOINT_UNREACHABLE` when it is not active after 600 s; what `check` throws
 */
export async function openTable(
  options: OpenTableOptions,
): Promise<{ readonly created: boolean; readonly description: TableDescription }> {
  const { dynamo, clock, create, check, signal } = options;
  const { tableName } = dynamo;
  const deadline = clock.monotonicMillis() + activeTimeoutMillis;
  let created = false;
  for (;;) {
    const description = await dynamo.describeTable(signal);
    if (description !== undefined) check(description);
    if (description?.status === 'ACTIVE' || description?.status === 'UPDATING') return { created, description };
    // Also a table that was just being deleted and is gone now.
    const creating = description === undefined && (await create());
    created ||= creating;
    if (clock.monotonicMillis() > deadline) {
      throw new MillraceError(
        'MR_ENDPOINT_UNREACHABLE',
        `table ${tableName} is still ${description?.status ?? 'missing'} after ${activeTimeoutMillis / 1000} s`,
        { subject: { table: tableName } },
      );
    }
    if (!creating) await sleep(clock, activePollMillis, signal);
  }
}

/**
 * Makes sure that a table has one text attribute as its key.
 * @throws MillraceError `MR_TABLE_FOREIGN` when it has another key
 */
export function checkKey(
  { tableName }: AwsDynamo,
  { keySchema, attributes }: TableDescription,
  expected: { readonly key: string; readonly kind: string; readonly option: string },
): void {
  const { key, kind, option } = expected;
  if (keySchema.join() === `${key}:HASH` && attributes.includes(`${key}:S`)) return;
  throw new MillraceError(
    'MR_TABLE_FOREIGN',
    `table ${tableName} is no ${kind}: its key is ${keySchema.join(', ')} (of ${attributes.join(', ')}) instead of ${key}:HASH (of ${key}:S); ` +
      `name another table with ${option}`,
    { subject: { table: tableName } },
  );
}
