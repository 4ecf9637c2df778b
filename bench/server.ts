import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startFakeAwsChild } from '../lib/testkit/server/child.ts';
import type { FakeAws } from '../lib/testkit/server/fake-aws.ts';

/** The service side of a benchmark: a fake AWS in a process of its own, without Kinesis' limits. */
export interface BenchServer extends AsyncDisposable {
  readonly aws: FakeAws;
  /** Where its clients go. */
  readonly endpoint: string;
  /** Environment that its clients need: the path of the server's own certificate as one more authority, with TLS. */
  readonly env: Readonly<Record<string, string>>;
}

/** So long that no subscription of fan-out ends during a benchmark. */
const subscriptionMillis = 3_600_000;

/** Starts it: HTTP/1.1 without TLS; with TLS what the client asks for, which is HTTP/2 for the SDK and Millrace. */
export async function startBenchServer(options: { readonly tls: boolean }): Promise<BenchServer> {
  const aws = await startFakeAwsChild({ execArgv: ['--import', 'tsx'], limits: false, subscriptionMillis });
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-bench-'));
  const authority = path.join(folder, 'ca.pem');
  writeFileSync(authority, aws.ca);
  return {
    aws,
    endpoint: options.tls ? aws.tlsEndpoint : aws.endpoint,
    env: options.tls ? { NODE_EXTRA_CA_CERTS: authority } : {},
    [Symbol.asyncDispose]: async () => {
      rmSync(folder, { recursive: true, force: true });
      await aws.stop();
    },
  };
}
