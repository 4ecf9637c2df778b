import type { AwsDynamo, TableDescription } from '../../lease/dynamo/aws-dynamo.ts';
import { checkKey } from '../../lease/dynamo/open-table.ts';
import type { UpdateParameters } from '../../lease/dynamo/update-expression.ts';
import { type LeaseTable, ownerIndexName } from '../../lease/lease-table.ts';
import type { StreamIdentity } from '../../lease/plan/shard-sync-plan.ts';
import { checkStream } from '../../lease/stream-check.ts';
import { type Check, check, endsArea, skipped } from './check.ts';

/** What the checks of a lease table work with. */
export interface TableChecksOptions {
  readonly dynamo: AwsDynamo;
  readonly table: LeaseTable;
  /** The stream that the leases should be of; absent where it could not be described. */
  readonly stream: StreamIdentity | undefined;
  readonly signal: AbortSignal;
}

/** The key of a row that there never is. */
const noRow = 'millrace-doctor-has-no-row';

/** Writes that are refused for their condition, since it asks for a row that is not there: whoever is refused so is allowed to write. */
const onlyIfThere = {
  conditionExpression: 'attribute_exists(#leaseKey)',
  names: { '#leaseKey': 'leaseKey' },
  values: {},
};

const setNothing: UpdateParameters = {
  ...onlyIfThere,
  names: { ...onlyIfThere.names, '#probe': 'probe' },
  values: { ':probe': { N: '1' } },
  updateExpression: 'SET #probe = :probe',
};

/** Looks at the lease table and its index, and tries every permission on its rows without changing one. */
export async function* tableChecks(options: TableChecksOptions): AsyncGenerator<Check, void, undefined> {
  const { dynamo, table, signal } = options;
  let description: TableDescription | undefined;
  const described = await check('permission', 'dynamodb:DescribeTable', signal, async (ending) => {
    description = await dynamo.describeTable(ending);
    return { detail: dynamo.tableName };
  });
  yield described;
  if (endsArea(described)) {
    yield skipped('table', dynamo.tableName, 'nothing more can be asked');
    return;
  }
  if (described.result === 'ok' && description === undefined) {
    const detail = 'does not exist yet: the first start makes it, and needs dynamodb:CreateTable for that';
    yield { area: 'table', name: dynamo.tableName, result: 'warning', detail };
    return;
  }
  if (description !== undefined) {
    const { status } = description;
    const known = description;
    yield await check('table', dynamo.tableName, signal, async () => {
      checkKey(dynamo, known, { key: 'leaseKey', kind: 'lease table', option: 'tableName' });
      return { detail: `${status}, the key is that of a lease table` };
    });
    yield indexCheck(description);
  }
  yield await check('table', 'coordination rows', signal, async (ending) => {
    const { tables, mayLead } = await table.coordination(ending);
    const where = tables === 'single' ? 'in the lease table (KCL 3.5)' : 'in two tables of their own (KCL 3.0 to 3.4)';
    return mayLead
      ? { detail: where }
      : { result: 'warning', detail: `${where}; a migration is under way, a Java worker leads` };
  });
  yield* rowChecks(options);
}

function indexCheck({ indexStatus }: TableDescription): Check {
  const status = indexStatus.get(ownerIndexName);
  const made = { area: 'table', name: `index ${ownerIndexName}` };
  if (status === 'ACTIVE') return { ...made, result: 'ok', detail: 'ACTIVE' };
  const detail =
    status === undefined
      ? 'is not there: the first start adds it, and needs dynamodb:UpdateTable for that'
      : `is ${status}: leases are found by scans until it is ACTIVE`;
  return { ...made, result: 'warning', detail };
}

async function* rowChecks({
  dynamo,
  table,
  stream,
  signal,
}: TableChecksOptions): AsyncGenerator<Check, void, undefined> {
  const key = { leaseKey: { S: noRow } };
  const permission = (name: string, probe: (ending: AbortSignal) => Promise<string>) =>
    check('permission', name, signal, async (ending) => ({ detail: await probe(ending) }));
  let owned: Awaited<ReturnType<LeaseTable['scan']>>['leases'] = [];
  yield await permission('dynamodb:Scan', async (ending) => {
    const { leases, workers } = await table.scan(ending);
    owned = leases;
    return `${leases.length} leases, ${workers.length} workers`;
  });
  if (stream !== undefined && owned.length > 0) {
    yield await check('table', 'stream of the leases', signal, async () => {
      checkStream(owned, stream);
      return { detail: stream.streamArn };
    });
  }
  yield await permission('dynamodb:GetItem', async (ending) => {
    await dynamo.getItem(key, ending);
    return 'a row that is not there';
  });
  yield await permission(`dynamodb:Query`, async (ending) => {
    const page = await dynamo.queryOwnerPage(ownerIndexName, noRow, undefined, ending);
    return page === undefined ? 'the index cannot be asked yet' : `index ${ownerIndexName}`;
  });
  const refused = 'a write that its condition refused';
  yield await permission('dynamodb:PutItem', async (ending) => {
    await dynamo.putItem(key, onlyIfThere, ending);
    return refused;
  });
  yield await permission('dynamodb:UpdateItem', async (ending) => {
    await dynamo.updateItem(noRow, setNothing, ending);
    return refused;
  });
  yield await permission('dynamodb:DeleteItem', async (ending) => {
    await dynamo.deleteItem(key, onlyIfThere, ending);
    return refused;
  });
}
