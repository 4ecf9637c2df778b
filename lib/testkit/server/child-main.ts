/**
 * The program of a fake AWS in a process of its own: told its settings in the first argument, as JSON, it serves until its
 * parent goes, and takes commands from it.
 */
import { messageOf } from '../../base/error.ts';
import type { FakeAwsCommand } from './fake-aws.ts';
import { type LocalFakeAws, startFakeAws } from './start.ts';
import type { FakeAwsSettings } from './options.ts';

/** A command of the parent, and the number under which it waits for the answer. */
export interface ChildRequest {
  readonly id: number;
  readonly command: FakeAwsCommand;
}

/** What the child says: where it serves, or how a command went. */
export type ChildMessage =
  | { readonly kind: 'ready'; readonly endpoint: string; readonly tlsEndpoint: string; readonly ca: string }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };

const say = (message: ChildMessage): void => void process.send?.(message);

async function main(): Promise<void> {
  // However the parent ends, kill -9 included, the channel closes.
  process.once('disconnect', () => process.exit(0));
  const aws = await startFakeAws(JSON.parse(process.argv[2] ?? '{}') as FakeAwsSettings);
  process.on('message', ({ id, command }: ChildRequest) => {
    perform(aws, command).then(
      (result) => say({ kind: 'done', id, result }),
      (thrown: unknown) => say({ kind: 'failed', id, message: messageOf(thrown) }),
    );
  });
  say({ kind: 'ready', endpoint: aws.endpoint, tlsEndpoint: aws.tlsEndpoint, ca: aws.ca });
}

function perform(target: LocalFakeAws, command: FakeAwsCommand): Promise<unknown> {
  switch (command.kind) {
    case 'inject':
      return target.inject(command.fault);
    case 'clearFaults':
      return target.clearFaults();
    case 'createBulkStream':
      return target.createBulkStream(command.options);
    case 'stats':
      return target.stats();
  }
}

// A start that fails ends the process with the error on its standard error, which the parent quotes.
void main();
