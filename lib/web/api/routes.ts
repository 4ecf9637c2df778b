import { type Context, Hono } from 'hono';
import { liveness, readiness, scalingSignal } from '../../monitor/health/health.ts';
import type { Snapshot } from '../../monitor/snapshot/snapshot.ts';
import type { UiSource } from '../source.ts';
import {
  applicationId,
  applicationInfo,
  batchDetail,
  batchInfo,
  findBatch,
  operationInfo,
  receiverInfo,
  stageInfo,
  statisticsInfo,
} from './spark-rest.ts';

/** The most entries that one answer lists. */
const listedEntries = 10_000;

/** The JSON API below `/api/v1`: paths and fields of Spark's monitoring API, and ours beside them. Everything is read-only. */
export function apiRoutes(source: UiSource): Hono {
  const api = new Hono();
  api.get('/applications', (c) => c.json([applicationInfo(source.snapshot())]));
  api.get('/notice', (c) => c.json({ notice: source.notice ?? null }));
  const one = new Hono<{ Variables: { snapshot: Snapshot } }>();
  one.use('*', async (c, next) => {
    const snapshot = source.snapshot();
    const asked = c.req.param('application');
    if (asked !== applicationId(snapshot)) {
      return notFound(c, `there is no application of that name here: this one is ${applicationId(snapshot)}`);
    }
    c.set('snapshot', snapshot);
    await next();
    return undefined;
  });
  one.get('/', (c) => c.json(applicationInfo(c.get('snapshot'))));
  addStreaming(one);
  addOwn(one, source);
  api.route('/applications/:application', one);
  api.all('*', (c) => notFound(c, 'there is nothing at this path; docs/page.md lists the paths'));
  return api;
}

type ApplicationRoutes = Hono<{ Variables: { snapshot: Snapshot } }>;

function addStreaming(one: ApplicationRoutes): void {
  one.get('/streaming/statistics', (c) => c.json(statisticsInfo(c.get('snapshot'))));
  one.get('/streaming/receivers', (c) => c.json(c.get('snapshot').receivers.map(receiverInfo)));
  one.get('/streaming/receivers/:id', (c) => {
    const receiver = c.get('snapshot').receivers.find(({ receiverId }) => `${receiverId}` === c.req.param('id'));
    return receiver === undefined ? notFound(c, 'there is no receiver of that number') : c.json(receiverInfo(receiver));
  });
  one.get('/streaming/batches', (c) => {
    const { batches, application } = c.get('snapshot');
    const wanted = c.req.queries('status')?.map((status) => status.toUpperCase());
    const listed = [...batches.active.toReversed(), ...batches.completed].filter(
      ({ status }) => wanted === undefined || wanted.includes(status),
    );
    return c.json(listed.slice(0, listedEntries).map((batch) => batchInfo(batch, application.batchIntervalMillis)));
  });
  one.get('/streaming/batches/:id', (c) =>
    withBatch(c, (batch, { application }) => c.json(batchDetail(batch, application.batchIntervalMillis))),
  );
  one.get('/streaming/batches/:id/operations', (c) =>
    withBatch(c, (batch) => c.json(batch.outputs.map(operationInfo))),
  );
  one.get('/streaming/batches/:id/operations/:operation', (c) =>
    withBatch(c, (batch) => {
      const output = batch.outputs.find(({ outputId }) => `${outputId}` === c.req.param('operation'));
      return output === undefined
        ? notFound(c, 'the batch has no output of that number')
        : c.json(operationInfo(output));
    }),
  );
  one.get('/stages', (c) => {
    const { active, completed } = c.get('snapshot').stages;
    return c.json([
      ...active.map((stage) => stageInfo(stage, true)),
      ...completed.map((stage) => stageInfo(stage, false)),
    ]);
  });
}

function addOwn(one: ApplicationRoutes, source: UiSource): void {
  one.get('/shards', (c) => c.json(c.get('snapshot').shards));
  one.get('/shards/:id', (c) => {
    const found = c.get('snapshot').shards.filter(({ shardId }) => shardId === c.req.param('id'));
    return found.length === 0 ? notFound(c, 'there is no such shard here') : c.json(found);
  });
  one.get('/leases', (c) => c.json(c.get('snapshot').leases));
  one.get('/leases/moves', (c) => c.json(c.get('snapshot').moves));
  one.get('/state', (c) => c.json(c.get('snapshot').commits));
  one.get('/alerts', (c) => c.json(c.get('snapshot').alerts));
  one.get('/totals', (c) => c.json(c.get('snapshot').totals));
  one.get('/config', (c) => c.json(source.configuration?.() ?? []));
  one.get('/health', (c) => {
    const snapshot = c.get('snapshot');
    return c.json({ live: liveness(snapshot), ready: readiness(snapshot), scaling: scalingSignal(snapshot) });
  });
}

function withBatch<P extends string>(
  c: Context<{ Variables: { snapshot: Snapshot } }, P>,
  answer: (batch: Extract<ReturnType<typeof findBatch>, { batch: unknown }>['batch'], snapshot: Snapshot) => Response,
): Response {
  const snapshot = c.get('snapshot');
  const found = findBatch(snapshot, c.req.param('id' as never) ?? '');
  if ('batch' in found) return answer(found.batch, snapshot);
  if (found.keys.length === 0) return notFound(c, 'there is no such batch, or it is no longer kept');
  return c.json({ error: 'several groups have a batch of that time: name one by its key', keys: found.keys }, 400);
}

function notFound(c: Pick<Context, 'json'>, error: string): Response {
  return c.json({ error }, 404);
}
