import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { StreamingContext, createAdmin, fileState } from '../../lib/index.ts';
import type { StateGroupView } from '../../lib/app/admin.ts';
import { plain } from '../../lib/cli/render/palette.ts';
import { groupsTable } from '../../lib/cli/render/state.ts';
import { realTimeIo, useFakeService } from './fake-service.ts';

const service = useFakeService();
let folder: string;
let given: string[];
let stream: string;
let trim: () => void;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-cli-state-'));
  const { name, fake } = await service.createStream(1);
  stream = name;
  trim = () => fake.trim('shardId-000000000000');
  const put = () => Array.from({ length: 10 }, (_, index) => fake.put(`key ${index}`, 'x'));
  put();
  given = ['--application-name', 'counts', '--stream-name', name, ...service.flags('both')];
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  await count();
  put();
  await count();
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

const options = () => ({
  streamName: stream,
  region: 'us-east-1',
  kinesisEndpoint: service.aws.endpoint,
  dynamoDBEndpoint: service.aws.endpoint,
  heartbeatIsolation: 'inline' as const,
});

/** Runs a program until it has caught up. */
async function count(): Promise<void> {
  const state = fileState(join(folder, 'state'));
  const convertState = { counts: { version: 2 } };
  const context = new StreamingContext({ applicationName: 'counts', batchIntervalMillis: 50, state, convertState });
  context
    .kinesisStream({ ...options(), until: 'CAUGHT_UP' })
    .keyByPartitionKey()
    .updateStateByKey<number>('counts', (values, sum = 0) => sum + values.length)
    .foreachBatch(() => {});
  await context.run();
}

const inspected = async () => {
  await using admin = createAdmin({ applicationName: 'counts', ...options() });
  const { groups } = await admin.state.inspect();
  return groups.map(({ batchId, lineage, location }) => ({ batchId, lineage, location }));
};

describe('millrace state', () => {
  it('shows the groups, as a table and as JSON lines', async () => {
    const { code, stdout } = await service.run(['state', 'inspect', ...given]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^shardId-000000000000 +\d+ .* whole +counts v2 +file:/m),
    ]);
    expect(stdout).toContain('1 groups in shard scope');
    const json = await service.run(['state', 'inspect', ...given, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ scope: 'shard', group: 'shardId-000000000000', lineage: 0 });
    const { versions } = JSON.parse(json.stdout) as StateGroupView;
    expect(versions.at(-1)).toMatchObject({ operators: ['counts'], shapeVersions: { counts: 2 }, gaps: [] });
  });

  it('shows which records were lost to retention', () => {
    const gap = { shardId: 'shardId-000000000000', after: '12:0', batchId: 7, batchTimeMillis: 86_400_000 };
    const last = { batchId: 8, batchTimeMillis: 0, lineage: 0, positions: {}, operators: [], shapeVersions: {} };
    const groups = [{ group: 'application', batchId: 8, lineage: 0, versions: [{ ...last, gaps: [gap] }] }];
    const canvas = { palette: plain };
    expect(groupsTable({ applicationName: 'counts', scope: 'application', groups }, canvas)).toContain(
      'application: records of shardId-000000000000 after 12:0 were lost to retention before 1970-01-02T00:00:00.000Z\n',
    );
  });

  it('goes back a version: shown first, asked for on a terminal, and done with --yes', async () => {
    const before = await inspected();
    const rewind = ['state', 'rewind', ...given, '--versions-back', '1'];
    const planned = await service.run([...rewind, '--dry-run']);
    expect([planned.code, planned.stdout]).toEqual([0, expect.stringMatching(/of batch \d+ .*planned$/m)]);
    expect(await service.run(rewind)).toMatchObject({ code: 2, stderr: expect.stringContaining('give --yes') });
    const io = realTimeIo({ isTTY: true });
    const asked = service.run(rewind, io);
    await vi.waitFor(() => expect(io.stderr.text).toContain('take 1 groups of counts back? [y/N]'), 15_000);
    io.stdin.write('n\n');
    expect(await asked).toMatchObject({ code: 1, stdout: '' });
    expect(await inspected()).toEqual(before);
    const done = await service.run([...rewind, '--yes', '--json']);
    expect(JSON.parse(done.stdout)).toMatchObject({ group: 'shardId-000000000000', applied: true });
    expect((await inspected())[0]).toMatchObject({ batchId: (before[0]?.batchId ?? 0) + 1, lineage: 1 });
    trim();
    const late = ['state', 'rewind', ...given, '--batch-id', String(before[0]?.batchId), '--dry-run'];
    expect(await service.run(late)).toMatchObject({ code: 1, stderr: expect.stringContaining('MR_POSITION_TRIMMED') });
    expect(await service.run([...late, '--force'])).toMatchObject({ code: 0 });
  });

  it('must be spoken of in a seek', async () => {
    const seek = ['seek', ...given, '--to', 'TRIM_HORIZON', '--yes'];
    expect(await service.run(seek)).toMatchObject({ code: 1, stderr: expect.stringContaining('MR_SEEK_STATE') });
    expect(await service.run([...seek, '--state', 'KEEP'])).toMatchObject({ code: 0 });
    expect((await inspected())[0]).toMatchObject({ lineage: 2 });
  });

  it('is brought to another place, and given up', async () => {
    const to = join(folder, 'elsewhere');
    const moved = await service.run(['state', 'migrate', ...given, '--to-state', to, '--yes']);
    expect([moved.code, moved.stdout]).toEqual([0, expect.stringMatching(/as they are .*done$/m)]);
    expect((await inspected())[0]).toMatchObject({ location: `file:${to}` });
    expect(await service.run(['state', 'migrate', ...given, '--discard-state', '--yes'])).toMatchObject({ code: 0 });
    expect(await inspected()).toEqual([]);
    const { stdout } = await service.run(['state', 'inspect', ...given]);
    expect(stdout).toBe('no state yet: nothing was committed\n');
  });

  it.each([
    [['rewind'], 'give one of --to, --batch-id and --versions-back'],
    [['rewind', '--to', '1h', '--batch-id', '3'], 'several flags say where to go back to'],
    [['rewind', '--versions-back', '0'], '--versions-back is "0": give a whole number of versions'],
    [['rewind', '--versions-back', '1'], 'has committed no state'],
    [['migrate'], 'give one of --to-state, --to-scope and --discard-state'],
    [['migrate', '--to-scope', 'all'], '--to-scope is "all": give shard or application'],
    [['migrate', '--to-state', 'gs://bucket'], 'give a folder, file:<folder> or s3://<bucket>/<prefix>'],
    [['inspect', '--state', 'gs://bucket'], 'give a folder, file:<folder> or s3://<bucket>/<prefix>'],
  ])('refuses %j with 2', async ([name = '', ...args], words) => {
    const yes = name === 'inspect' ? [] : ['--yes'];
    const { code, stderr } = await service.run(['state', name, ...given, ...args, ...yes]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});
