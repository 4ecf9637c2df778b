import { createHash, createHmac } from 'node:crypto';
import { GetRecordsCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { createAwsKinesis } from '../../lib/kinesis/aws-kinesis.ts';
import type { Codec } from '../../lib/kinesis/codec/codec.ts';
import { decodeCbor } from '../../lib/kinesis/codec/cbor-tree.ts';
import type { KinesisFault } from '../../lib/kinesis/fault.ts';
import { type ScriptedAnswer, cborType, jsonType } from './codec/scripted-client.ts';

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

interface Sent {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const signal = new AbortController().signal;
const page = JSON.stringify({ Records: [], MillisBehindLatest: 0, NextShardIterator: 'next' });
const ok: ScriptedAnswer = { headers: jsonType, chunks: [Buffer.from(page)] };
const refused = (name: string, headers: Readonly<Record<string, string>> = {}): ScriptedAnswer => ({
  status: 400,
  headers: { ...jsonType, ...headers },
  chunks: [Buffer.from(JSON.stringify({ __type: name, message: 'no' }))],
});

/** A client whose handler is a script, which also counts the calls that went through the layers of the SDK. */
class Script {
  readonly sent: Sent[] = [];
  bySdk = 0;
  answer: ScriptedAnswer | Error = ok;
  credentials: Credentials = { accessKeyId: 'first', secretAccessKey: 'one' };
  readonly client: KinesisClient;

  constructor(endpoint = 'https://kinesis.eu-west-1.amazonaws.com') {
    this.client = new KinesisClient({
      region: 'eu-west-1',
      endpoint,
      maxAttempts: 1,
      // Said to expire, so that it is asked at each call.
      credentials: () => Promise.resolve({ ...this.credentials, expiration: new Date(0) }),
      requestHandler: {
        metadata: { handlerProtocol: 'http/1.1' },
        handle: (request: Sent) => {
          this.sent.push(request);
          if (this.answer instanceof Error) return Promise.reject(this.answer);
          const { status = 200, headers = {}, chunks } = this.answer;
          return Promise.resolve({ response: new Answer(status, { ...headers }, Buffer.concat(chunks)) });
        },
      } as never,
    });
    this.client.middlewareStack.add(
      (next) => (args) => {
        this.bySdk += 1;
        return next(args);
      },
      { step: 'initialize' },
    );
  }

  api(codec: Codec = 'json', stream: { streamArn: string } | { streamName: string } = { streamName: 'orders' }) {
    const events = { publish: () => {} };
    const api = createAwsKinesis({ client: this.client, stream, clock: systemClock, events, codec });
    return (iterator = 'iterator', limit = 10_000) => api.getRecords({ iterator, limit, shardId: 'shard-0' }, signal);
  }
}

/** What the SDK takes for an answer of HTTP. */
class Answer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;

  constructor(statusCode: number, headers: Record<string, string>, body: Uint8Array) {
    this.statusCode = statusCode;
    this.headers = headers;
    this.body = body;
  }
}

/** What AWS would find: the signature of version 4 of what has arrived, by its own text and nothing of the SDK's. */
function signatureOf({ method, path, headers, body }: Sent, { secretAccessKey }: Credentials): string {
  const [, day = '', region = '', service = '', names = ''] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=/.exec(
      headers['authorization'] ?? '',
    ) ?? [];
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const hash = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');
  const lines = names.split(';').map((name) => `${name}:${(headers[name] ?? '').trim()}\n`);
  const request = [method, path, '', lines.join(''), names, hash(body)].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], `${day}/${region}/${service}/aws4_request`, hash(request)];
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, text.join('\n')).toString('hex');
}

function expectSigned(sent: Sent | undefined, credentials: Credentials): void {
  if (sent === undefined) throw new Error('nothing was sent');
  const { authorization = '' } = sent.headers;
  expect(authorization).toContain(`Credential=${credentials.accessKeyId}/`);
  expect(/Signature=(\w+)$/.exec(authorization)?.[1]).toBe(signatureOf(sent, credentials));
  expect(sent.headers['x-amz-security-token']).toBe(credentials.sessionToken);
  for (const name of ['host', 'x-amz-date', 'x-amz-target']) expect(authorization).toContain(name);
}

describe('GetRecords past the layers of the SDK', () => {
  it.each(['json', 'cbor'] as const)('is what the SDK sends, with another number and signature (%s)', async (codec) => {
    const script = new Script('http://127.0.0.1:4567/some/path');
    const read = script.api(codec);
    await read('one');
    await read('two', 7);
    expect(script.bySdk).toBe(1);
    const [first, second] = script.sent as [Sent, Sent];
    const place = ({ method, protocol, hostname, port, path }: Sent) => ({ method, protocol, hostname, port, path });
    expect(place(second)).toEqual(place(first));
    expect(place(second)).toMatchObject({ hostname: '127.0.0.1', port: 4567, path: '/some/path/' });
    expect(Object.keys(second.headers).toSorted()).toEqual(Object.keys(first.headers).toSorted());
    for (const name of ['amz-sdk-invocation-id', 'authorization']) {
      expect(second.headers[name]).not.toBe(first.headers[name]);
      expect(second.headers[name]).toHaveLength(first.headers[name]?.length ?? 0);
    }
    for (const name of ['host', 'content-type', 'user-agent', 'x-amz-target', 'amz-sdk-request']) {
      expect(second.headers[name]).toBe(first.headers[name]);
    }
    const body = Buffer.from(second.body);
    const input = codec === 'cbor' ? decodeCbor(body) : (JSON.parse(body.toString()) as unknown);
    expect(input).toEqual({ ShardIterator: 'two', Limit: 7 });
    expect(second.headers['content-length']).toBe(String(body.length));
  });

  it('is left to the SDK with its own codec', async () => {
    const script = new Script();
    const read = script.api('sdk');
    for (let count = 0; count < 3; count += 1) await read();
    expect(script.bySdk).toBe(3);
  });

  it('is signed by the credentials of its time, whatever is asked', async () => {
    const text = fc.stringMatching(/^[ -~]{1,40}$/);
    const word = fc.stringMatching(/^[A-Za-z0-9+=]{1,40}$/);
    const credentials = fc.record(
      { accessKeyId: fc.stringMatching(/^[A-Z0-9]{4,20}$/), secretAccessKey: text, sessionToken: word },
      { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
    );
    const iterators = fc.oneof(fc.string(), fc.constantFrom('grün', '\u{1f600}"\\'));
    const script = new Script();
    const json = script.api('json');
    await json();
    await fc.assert(
      fc.asyncProperty(credentials, iterators, fc.nat(10_000), async (now, iterator, limit) => {
        script.credentials = now;
        await json(iterator, limit);
        expectSigned(script.sent.at(-1), now);
      }),
      { numRuns: 50 },
    );
    expect(script.bySdk).toBe(1);
  });

  it('is the same fault as by the SDK, after which the SDK makes the next call', async () => {
    const names = ['ProvisionedThroughputExceededException', 'ExpiredIteratorException', 'AccessDeniedException'];
    const answers: (ScriptedAnswer | Error)[] = [
      ...names.map((name) => refused(name, { 'x-amzn-requestid': 'the-number' })),
      { status: 500, headers: cborType, chunks: [Buffer.of(0xff)] },
      { headers: jsonType, chunks: [Buffer.from('<html>')] },
      Object.assign(new Error('gone'), { code: 'ECONNRESET' }),
    ];
    for (const codec of ['json', 'cbor'] as const) {
      const script = new Script();
      const read = script.api(codec);
      for (const answer of answers) {
        const faults: unknown[] = [];
        for (const calls of [1, 0]) {
          script.bySdk = 0;
          script.answer = answer;
          faults.push(await read().then(() => 'an answer', shownFault));
          expect(script.bySdk).toBe(calls);
          script.answer = ok;
          // The SDK's, which is learned from after the first fault; after the second it is forgotten anew.
          if (calls === 1) await read();
        }
        expect(faults[1]).toEqual(faults[0]);
      }
    }
  });

  it('corrects a wrong clock as the SDK does', async () => {
    const dayLater = new Date(Date.now() + 86_400_000);
    const dateSent = () => script.sent.at(-1)?.headers['x-amz-date']?.slice(0, 8);
    const dayOf = (date: Date) => date.toISOString().slice(0, 10).replaceAll('-', '');
    const script = new Script();
    const read = script.api();
    await read();
    script.answer = refused('InvalidSignatureException', { date: dayLater.toUTCString() });
    await expect(read()).rejects.toMatchObject({ kind: 'transient', reaction: 'retry' });
    expect(script.bySdk).toBe(1);
    script.answer = ok;
    await read();
    await read();
    expect([script.bySdk, dateSent()]).toEqual([2, dayOf(dayLater)]);
    // An answer that was taken tells the time too.
    script.answer = { ...ok, headers: { ...jsonType, date: new Date().toUTCString() } };
    await read();
    await read();
    expect([script.bySdk, dateSent()]).toEqual([2, dayOf(new Date())]);
    expectSigned(script.sent.at(-1), script.credentials);
  });

  it('says credentialsMissing when there are none any more', async () => {
    const script = new Script();
    const read = script.api();
    await read();
    Object.defineProperty(script, 'credentials', {
      get() {
        throw Object.assign(new Error('none'), { name: 'CredentialsProviderError' });
      },
    });
    await expect(read()).rejects.toMatchObject({ kind: 'credentialsMissing', code: 'MR_CREDENTIALS_MISSING' });
    expect(script.sent).toHaveLength(1);
  });

  it('is not learned from a call about another stream, nor where the SDK marks each call', async () => {
    const script = new Script();
    const streamArn = 'arn:aws:kinesis:eu-west-1:000000000000:stream/orders';
    const read = script.api('json', { streamArn });
    await script.client.send(new GetRecordsCommand({ ShardIterator: 'x' }));
    await read();
    await read();
    expect(script.bySdk).toBe(2);
    expect(JSON.parse(Buffer.from(script.sent.at(-1)?.body ?? []).toString())).toMatchObject({ StreamARN: streamArn });

    const traced = new Script();
    traced.client.middlewareStack.add(
      (next) => (args) => {
        (args.request as Sent & { headers: Record<string, string> }).headers['x-amzn-trace-id'] = String(traced.bySdk);
        return next(args);
      },
      { step: 'build' },
    );
    const readTraced = traced.api();
    await readTraced();
    await readTraced();
    expect(traced.bySdk).toBe(2);
  });

  it('is not used when the client was given another codec', async () => {
    const script = new Script();
    const read = script.api('json');
    await read();
    script.api('cbor');
    await read();
    expect([script.bySdk, script.sent.at(-1)?.headers['content-type']]).toEqual([2, cborType['content-type']]);
    await read();
    expect([script.bySdk, script.sent.at(-1)?.headers['content-type']]).toEqual([2, cborType['content-type']]);
  });
});

function shownFault(thrown: unknown): unknown {
  const { kind, code, message, reaction, subject, cause } = thrown as KinesisFault;
  const { $metadata, name } = cause as Error & { $metadata?: Record<string, unknown> };
  // The SDK's own repetitions, of which it makes none here.
  const { attempts: _, totalRetryDelay: __, ...metadata } = $metadata ?? {};
  return { kind, code, message, reaction, subject, name, metadata };
}
