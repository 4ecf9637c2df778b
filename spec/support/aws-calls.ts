import type { PolicyStatement } from './iam-policies.ts';

/** A call of AWS as permissions see it: what is done, such as `dynamodb:GetItem`, to what kind of thing. */
export interface AwsCall {
  readonly action: string;
  /** `unknown` where nobody looked into the request. */
  readonly kind: string;
}

/** A request as it stood on the wire. */
export interface WireRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly userAgent: string;
  readonly target: string;
  /** Its body, where that was looked at. */
  readonly body?: string;
}

/** What Millrace's clients add to their user agent; clients of tests and emulators do not. */
const ownAgent = /(^| )millrace( |$)/;

const services: readonly (readonly [RegExp, string])[] = [
  [/^Kinesis_/, 'kinesis'],
  [/^DynamoDB_/, 'dynamodb'],
  [/^GraniteService/, 'cloudwatch'],
];

/** The calls that a request of Millrace is; none for a request of somebody else. */
export function callsOf(request: WireRequest): readonly AwsCall[] {
  if (!ownAgent.test(request.userAgent)) return [];
  const rpc = /^\/service\/(\w+)\/operation\/(\w+)$/.exec(request.path);
  const [target = '', operation = ''] = rpc === null ? request.target.split('.') : [rpc[1], rpc[2]];
  const service = services.find(([prefix]) => prefix.test(target))?.[1];
  switch (service) {
    case 'kinesis':
      return [{ action: `kinesis:${operation}`, kind: kinesisKinds[operation] ?? 'stream' }];
    case 'dynamodb':
      return tableCalls(operation, request.body);
    case 'cloudwatch':
      return [{ action: `cloudwatch:${operation}`, kind: 'anything' }];
    default:
      return [objectCall(request)];
  }
}

const kinesisKinds: Readonly<Record<string, string>> = {
  DescribeStreamConsumer: 'stream consumer',
  SubscribeToShard: 'stream consumer',
  DeregisterStreamConsumer: 'stream consumer',
  DescribeLimits: 'anything',
};

/** A transaction has no right of its own: it needs that of what it does. Only sinks make any, and they only put. */
function tableCalls(operation: string, body: string | undefined): readonly AwsCall[] {
  if (operation === 'TransactWriteItems') return [{ action: 'dynamodb:PutItem', kind: 'table of a sink' }];
  const action = `dynamodb:${operation}`;
  if (body === undefined) return [{ action, kind: 'unknown' }];
  if (operation === 'Query' && body.includes('"IndexName"')) return [{ action, kind: 'index of leases' }];
  const tables = [...body.matchAll(/"TableName":"([^"]*)"/g)].map(([, name = '']) => kindOfTable(name));
  return tables.map((kind) => ({ action, kind }));
}

function kindOfTable(name: string): string {
  const suffix = /-(Engine|CoordinatorState|WorkerMetricStats)$/.exec(name)?.[1];
  return suffix === undefined ? 'table of leases' : `table ${suffix}`;
}

function objectCall({ method, path }: WireRequest): AwsCall {
  if (method === 'GET' && path.includes('list-type=2')) return { action: 's3:ListBucket', kind: 'bucket' };
  const verb = { GET: 'Get', PUT: 'Put', DELETE: 'Delete' }[method] ?? method;
  return { action: `s3:${verb}Object`, kind: 'object' };
}

/** The calls that a statement of a policy allows. The names of docs/iam.md tell what its resources are. */
export function callsAllowedBy({ actions, resource }: PolicyStatement): readonly AwsCall[] {
  return actions.map((action) => ({ action, kind: kindOfResource(resource) }));
}

function kindOfResource(resource: string): string {
  if (resource === '*') return 'anything';
  if (/:stream\/[^/]+\/consumer\//.test(resource)) return 'stream consumer';
  if (resource.includes(':stream/')) return 'stream';
  if (resource.startsWith('arn:aws:s3:')) return resource.endsWith('/*') ? 'object' : 'bucket';
  if (resource.endsWith('/index/*')) return 'index of leases';
  if (resource.endsWith(':table/totals')) return 'table of a sink';
  return kindOfTable(resource);
}

/** What does not fit between what was seen and what is allowed, as sentences. */
export function differencesOf(
  seen: readonly AwsCall[],
  allowed: readonly AwsCall[],
  /** Whether all that can be seen was seen: then what is allowed must have been seen. */
  isWhole: boolean,
): readonly string[] {
  const has = (calls: readonly AwsCall[], { action, kind }: AwsCall) =>
    calls.some((call) => call.action === action && (kind === 'unknown' || call.kind === kind));
  const denied = seen.filter((call) => !has(allowed, call));
  const idle = isWhole ? allowed.filter((call) => !has(seen, call)) : [];
  const named = (calls: readonly AwsCall[]) =>
    [...new Set(calls.map(({ action, kind }) => `${action} on ${kind}`))].toSorted();
  return [
    ...named(denied).map((call) => `${call} was called, and no policy of docs/iam.md allows it`),
    ...named(idle).map((call) => `${call} is allowed by docs/iam.md, and no suite has called it`),
  ];
}
