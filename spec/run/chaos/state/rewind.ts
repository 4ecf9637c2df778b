import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { type StateMove, createAdmin } from '../../../../lib/index.ts';
import { testCredentials, testRegion } from '../../../support/local-stack.ts';
import { programArguments } from '../../../support/programs.ts';
import { childEnvironment } from '../../demo/environment.ts';
import type { StateStage } from './stage.ts';

const program = new URL('../../../../lib/cli/bin.ts', import.meta.url);

function adminOf({ applicationName, streamName, services }: StateStage) {
  return createAdmin({
    applicationName,
    streamName,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: services.aws.endpoint,
    dynamoDBEndpoint: services.dynamoDBEndpoint,
  });
}

/** Resolves when every group has so many versions at different positions: then a rewind has records to take back. */
export async function untilVersions(stage: StateStage, least: number): Promise<void> {
  await using admin = adminOf(stage);
  await stage.until(`every group has ${least} versions`, async () => {
    const { groups } = await admin.state.inspect();
    const places = groups.map(
      ({ versions }) => new Set(versions.map(({ positions }) => JSON.stringify(positions))).size,
    );
    return places.length > 0 && places.every((size) => size >= least);
  });
}

/** Takes every group back to its first version after the beginning, through the library, whoever holds it. */
export async function rewindToFirst(stage: StateStage): Promise<void> {
  await using admin = adminOf(stage);
  const { groups, scope } = await admin.state.inspect();
  const moves: StateMove[] = [];
  for (const { group, versions } of groups) {
    const [first, second = first] = versions;
    const shards = scope === 'shard' ? { shards: [group] } : {};
    moves.push(...(await admin.state.rewind({ to: { batchId: second?.batchId ?? 0 }, ...shards })));
  }
  expectTakenBack(moves);
}

/**
 * Takes all groups back to one time, with the command line: the earliest at which all shards of the beginning have a version.
 * What came of a reshard begins anew.
 */
export async function rewindByCommand(stage: StateStage): Promise<void> {
  const { applicationName, streamName, services } = stage;
  await using admin = adminOf(stage);
  const { groups } = await admin.state.inspect();
  const children = stage.stream.shards.filter(({ parentShardIds }) => parentShardIds.length > 0);
  const first = groups.filter(({ group }) => !children.some(({ shardId }) => shardId === group));
  const to = new Date(Math.max(...first.map(({ versions }) => versions[1]?.batchTimeMillis ?? 0))).toISOString();
  const args = ['--application-name', applicationName, '--stream-name', streamName, '--region', testRegion];
  args.push('--kinesis-endpoint', services.aws.endpoint, '--dynamodb-endpoint', services.dynamoDBEndpoint);
  args.push('--to', to, '--yes', '--json');
  const { accessKeyId, secretAccessKey } = testCredentials;
  const child = spawn(process.execPath, [...programArguments(program), 'state', 'rewind', ...args], {
    env: { ...childEnvironment(), AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`millrace state rewind ended with ${String(code)}: ${errors}`);
  const lines = output.split('\n').filter((line) => line !== '');
  expectTakenBack(lines.map((line) => JSON.parse(line) as StateMove));
}

/** A rewind that takes nothing back would show nothing. */
function expectTakenBack(moves: readonly StateMove[]): void {
  const isBack =
    moves.length > 0 && moves.every(({ applied }) => applied) && moves.some(({ shards }) => shards.length > 0);
  if (!isBack) throw new Error(`the rewind took nothing back: ${JSON.stringify(moves)}`);
}
