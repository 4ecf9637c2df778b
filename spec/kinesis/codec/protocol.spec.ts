import { Readable } from 'node:stream';
import { ListShardsCommand } from '@aws-sdk/client-kinesis';
import { describe, expect, it } from 'vitest';
import type { MillraceEvent } from '../../../lib/event/event.ts';
import { decodeCbor } from '../../../lib/kinesis/codec/cbor-tree.ts';
import { installCodec } from '../../../lib/kinesis/codec/install.ts';
import { DecodedAnswer, GetRecordsProtocol } from '../../../lib/kinesis/codec/protocol.ts';
import { cborType, jsonType, plainAnswer, scriptedClient } from './scripted-client.ts';
import { cborItem, cborOf, jsonOf, usualStyle } from './wire-forms.ts';

const page = {
  records: [
    {
      data: Buffer.from('{"order":1}'),
      partitionKey: 'grün',
      sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
      arrivalTimeMillis: 1_700_000_000_123,
      encryptionType: 'KMS',
    },
  ],
  nextIterator: 'next',
  millisBehindLatest: 7,
  childShards: undefined,
} as const;

const expected = {
  childShards: [],
  millisBehindLatest: 7,
  nextIterator: 'next',
  records: [
    {
      data: Buffer.from('{"order":1}').toString('hex'),
      byteLength: 11,
      partitionKey: 'grün',
      sequenceNumber: '49590338271490256608559692538361571095921575989136588898',
      arrivalTimeMillis: 1_700_000_000_123,
    },
  ],
};

describe('the CBOR codec', () => {
  it('asks in CBOR, by the same target, and signs what it sends', async () => {
    const scripted = scriptedClient('cbor', () => ({ headers: cborType, chunks: [cborOf(page)] }));
    expect(plainAnswer(await scripted.getRecords())).toEqual(expected);
    const [request] = scripted.requests;
    expect(request?.headers).toMatchObject({
      'content-type': 'application/x-amz-cbor-1.1',
      'x-amz-target': 'Kinesis_20131202.GetRecords',
      'content-length': String(request?.body.length),
      authorization: expect.stringContaining('content-type') as string,
    });
    expect(decodeCbor(request?.body ?? Buffer.alloc(0))).toEqual({ ShardIterator: 'iterator', Limit: 10_000 });
  });

  it('asks for everything else in JSON', async () => {
    const scripted = scriptedClient('cbor', () => ({ chunks: [Buffer.from('{"Shards":[]}')] }));
    await scripted.client.send(new ListShardsCommand({ StreamName: 'orders' }));
    expect(scripted.requests[0]?.headers['content-type']).toBe('application/x-amz-json-1.1');
    expect(JSON.parse(String(scripted.requests[0]?.body))).toEqual({ StreamName: 'orders' });
  });

  it('takes an answer in JSON, and says so once, then at the tenth time', async () => {
    const scripted = scriptedClient('cbor', () => ({ headers: jsonType, chunks: [jsonOf(page)] }));
    for (let count = 0; count < 12; count += 1) expect(plainAnswer(await scripted.getRecords())).toEqual(expected);
    const event = { type: 'codec.fellBack', codec: 'cbor', to: 'json', reason: 'the answer to CBOR came as JSON' };
    expect(scripted.events).toEqual([
      { ...event, times: 1 },
      { ...event, times: 10 },
    ]);
  });

  it.each([
    ['415', { status: 415, headers: jsonType, chunks: [] }],
    ['by name', { status: 400, headers: jsonType, chunks: [Buffer.from('{"__type":"SerializationException"}')] }],
    [
      'by header',
      { status: 404, headers: { 'x-amzn-errortype': 'UnknownOperationException' }, chunks: [Buffer.from('{}')] },
    ],
  ])('goes on in JSON with an endpoint that refuses CBOR (%s)', async (_, refusal) => {
    const scripted = scriptedClient('cbor', (number) => (number === 1 ? refusal : { chunks: [jsonOf(page)] }));
    await expect(scripted.getRecords()).rejects.toMatchObject({ kind: 'transient', reaction: 'retry' });
    expect(plainAnswer(await scripted.getRecords())).toEqual(expected);
    expect(scripted.requests.map(({ headers }) => headers['content-type'])).toEqual([
      'application/x-amz-cbor-1.1',
      'application/x-amz-json-1.1',
    ]);
    expect(scripted.events).toMatchObject([{ type: 'codec.fellBack', codec: 'cbor', to: 'json', times: 1 }]);
  });

  it('stays with an endpoint that has spoken CBOR, whatever it refuses later', async () => {
    const refusal = { status: 400, headers: jsonType, chunks: [Buffer.from('{"__type":"SerializationException"}')] };
    const scripted = scriptedClient('cbor', (number) =>
      number === 2 ? refusal : { headers: cborType, chunks: [cborOf(page)] },
    );
    await scripted.getRecords();
    await expect(scripted.getRecords()).rejects.toMatchObject({ kind: 'invalid' });
    await scripted.getRecords();
    expect(scripted.requests.map(({ headers }) => headers['content-type'])).toEqual(
      Array(3).fill(cborType['content-type']),
    );
    expect(scripted.events).toEqual([]);
  });
});

describe('an answer of another shape', () => {
  it('is left to the SDK, from the same bytes, with an event', async () => {
    const odd = {
      Records: [{ Data: 'AAEC', PartitionKey: 'k', SequenceNumber: 'one', ApproximateArrivalTimestamp: 1 }],
    };
    const fields = {
      data: '000102',
      byteLength: 3,
      partitionKey: 'k',
      sequenceNumber: 'one',
      arrivalTimeMillis: 1_000,
    };
    const bytes = Buffer.from(JSON.stringify(odd));
    const scripted = scriptedClient('json', () => ({ chunks: [bytes.subarray(0, 40), bytes.subarray(40)] }));
    expect(plainAnswer(await scripted.getRecords())).toMatchObject({ records: [fields] });
    expect(scripted.events).toEqual([
      {
        type: 'codec.fellBack',
        codec: 'json',
        to: 'sdk',
        reason: 'the answer has not the shape of a page of records',
        times: 1,
      },
    ]);
    // The same in CBOR, where times are milliseconds.
    const [one] = odd.Records;
    const inCbor = { Records: [{ ...one, ApproximateArrivalTimestamp: 1_000 }] };
    const cbor = scriptedClient('cbor', () => ({ headers: cborType, chunks: [cborItem(inCbor)] }));
    expect(plainAnswer(await cbor.getRecords())).toMatchObject({ records: [fields] });
    expect(cbor.events).toMatchObject([{ codec: 'cbor', to: 'sdk' }]);
  });

  it('in which data of a later record are no base64 is undone before the SDK sees it', async () => {
    const record = (data: string) =>
      `{"Data":"${data}","PartitionKey":"k","SequenceNumber":"1","ApproximateArrivalTimestamp":1}`;
    const long = Buffer.alloc(300, 7).toString('base64');
    // A backslash before a slash is JSON, and an escape that only a parser undoes.
    const text = `{"Records":[${record('AAEC')},${record(long)},${record('AA==')},${record('\\/w==')}],"MillisBehindLatest":0}`;
    const answer = () => ({ chunks: [Buffer.from(text)] });
    const expectedAnswer = plainAnswer(await scriptedClient('sdk', answer).getRecords());
    expect(plainAnswer(await scriptedClient('json', answer).getRecords())).toEqual(expectedAnswer);
  });

  it('without Records is no end of a shard but a passing fault', async () => {
    for (const codec of ['json', 'sdk'] as const) {
      for (const text of ['{}', '', '{"MillisBehindLatest":0}']) {
        const scripted = scriptedClient(codec, () => ({ chunks: [Buffer.from(text)] }));
        await expect(scripted.getRecords()).rejects.toMatchObject({ kind: 'transient' });
      }
    }
  });

  it('of no known type is read as JSON', async () => {
    const scripted = scriptedClient('json', () => ({
      headers: { 'content-type': 'text/html' },
      chunks: [jsonOf(page)],
    }));
    expect(plainAnswer(await scripted.getRecords())).toEqual(expected);
    const page503 = scriptedClient('json', () => ({ chunks: [Buffer.from('<html>busy</html>')] }));
    await expect(page503.getRecords()).rejects.toMatchObject({ kind: 'transient' });
  });
});

describe('installCodec', () => {
  const sink = () => {
    const events: MillraceEvent[] = [];
    return { events, publish: (event: MillraceEvent) => events.push(event) };
  };

  it('says when a client has no protocol to stand in front of, and leaves it alone', () => {
    const told = sink();
    expect(installCodec({ config: {} }, 'json', told)).toBeUndefined();
    const config = Object.freeze({ protocol: { serializeRequest() {}, deserializeResponse() {} } });
    expect(installCodec({ config }, 'cbor', told)).toBeUndefined();
    expect(told.events).toMatchObject([
      { type: 'codec.fellBack', codec: 'json', to: 'sdk' },
      { type: 'codec.fellBack', codec: 'cbor', to: 'sdk' },
    ]);
  });

  it('says when a client has a protocol and does not ask it', async () => {
    const scripted = scriptedClient('sdk', () => ({ chunks: [jsonOf(page)] }));
    const events = sink();
    // A client that keeps the protocol it was made with.
    const { protocol } = scripted.client.config;
    const { createAwsKinesis } = await import('../../../lib/kinesis/aws-kinesis.ts');
    const { systemClock } = await import('../../../lib/base/clock.ts');
    const api = createAwsKinesis({ client: scripted.client, stream: { streamName: 'o' }, clock: systemClock, events });
    scripted.client.config.protocol = protocol;
    const { signal } = new AbortController();
    for (let count = 0; count < 2; count += 1) {
      expect(plainAnswer(await api.getRecords({ iterator: 'i', limit: 1 }, signal))).toEqual(expected);
    }
    expect(events.events).toMatchObject([{ type: 'codec.fellBack', codec: 'json', to: 'sdk', times: 1 }]);
  });

  it('replaces an earlier codec, and gives the client its own protocol back', () => {
    const protocol = { id: 'own', serializeRequest() {}, deserializeResponse() {}, name: () => 'own' };
    const client = { config: { protocol } };
    const told = sink();
    installCodec(client, 'json', told);
    const first = client.config.protocol;
    expect(first).not.toBe(protocol);
    expect([first.id, first.name()]).toEqual(['own', 'own']);
    installCodec(client, 'cbor', told);
    expect(client.config.protocol).not.toBe(first);
    installCodec(client, 'sdk', told);
    expect(client.config.protocol).toBe(protocol);
    expect(told.events).toEqual([]);
  });
});

describe('the bytes of an answer', () => {
  /** The records of an answer that comes in these pieces, which nobody else has. */
  async function decoded(headers: Readonly<Record<string, string>>, chunks: readonly Buffer[]) {
    const base = {
      serializeRequest: () => Promise.reject(new Error('none')),
      deserializeResponse: () => Promise.reject(new Error('none')),
    };
    const protocol = new GetRecordsProtocol(base, 'json', { publish: () => {} });
    const body = Readable.from(chunks, { objectMode: false });
    const context = { streamCollector: () => Promise.reject(new Error('none')) };
    const answer = await protocol.deserializeResponse({ name: 'GetRecords' }, context, {
      statusCode: 200,
      headers,
      body,
    });
    if (!(answer instanceof DecodedAnswer)) throw new Error('not decoded');
    return answer.page.records.map(({ data, partitionKey, sequenceNumber }) => [
      Buffer.from(data),
      partitionKey,
      sequenceNumber,
    ]);
  }

  function inPieces(body: Buffer): Buffer[] {
    return [0, 1, 2].map((index) => {
      const length = Math.ceil(body.length / 3);
      const piece = Buffer.allocUnsafeSlow(Math.min(length, body.length - index * length));
      body.copy(piece, 0, index * length);
      return piece;
    });
  }

  const wanted = page.records.map(({ data, partitionKey, sequenceNumber }) => [
    Buffer.from(data),
    partitionKey,
    sequenceNumber,
  ]);

  it('are freed when the records have bytes of their own', async () => {
    const pieces = inPieces(jsonOf(page));
    expect(await decoded(jsonType, pieces)).toEqual(wanted);
    expect(pieces.map(({ byteLength }) => byteLength)).toEqual([0, 0, 0]);
  });

  it('stay where records are views of them, or where they share their memory', async () => {
    const bodies = [cborOf(page), jsonOf(page, { ...usualStyle, escapes: 'slashes', unknownFields: true })];
    for (const [index, body] of bodies.entries()) {
      const pieces = inPieces(body);
      expect(await decoded(index === 0 ? cborType : jsonType, pieces)).toEqual(wanted);
      expect(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(body.length);
    }
    const whole = Buffer.concat([Buffer.from('before'), jsonOf(page)]);
    expect(await decoded(jsonType, [whole.subarray(6)])).toEqual(wanted);
    expect(whole.subarray(0, 6).toString()).toBe('before');
  });
});
