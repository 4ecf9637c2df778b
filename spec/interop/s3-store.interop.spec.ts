import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { S3Store } from '../../lib/engine/store/s3-store.ts';
import { objectStoreSuite } from '../../lib/testkit/conformance/object-store-suite.ts';
import type { ChildServer } from '../support/child-server.ts';
import { testCredentials, testRegion } from '../support/local-stack.ts';
import { startMoto } from '../support/moto.ts';

const never = new AbortController().signal;
let moto: ChildServer;
let client: S3Client;
let places = 0;

beforeAll(async () => {
  moto = await startMoto();
  client = new S3Client({
    region: testRegion,
    credentials: testCredentials,
    endpoint: moto.endpoint,
    forcePathStyle: true,
    maxAttempts: 1,
  });
  await client.send(new CreateBucketCommand({ Bucket: 'states' }));
});

afterAll(async () => {
  client.destroy();
  await moto.stop();
});

describe('a store in a bucket', () => {
  const cases = objectStoreSuite({
    createPlace: () => {
      places += 1;
      const prefix = `place-${places}/deep`;
      return Promise.resolve({ open: () => new S3Store({ bucket: 'states', prefix, client }) });
    },
  });

  it.each(cases)('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it('keeps its objects below the prefix, and tells where it is', async () => {
    const store = new S3Store({ bucket: 'states', prefix: '/mine/', client });
    await store.create('app/x', new Uint8Array([1]), never);
    expect(store.location).toBe('s3://states/mine');
    expect(await new S3Store({ bucket: 'states', client }).list('mine/', never)).toEqual(['mine/app/x']);
  });

  it('makes a client of its own where it is given none, with the credentials of the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', testCredentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', testCredentials.secretAccessKey);
    try {
      const store = new S3Store({ bucket: 'states', prefix: 'own', region: testRegion, endpoint: moto.endpoint });
      expect(await store.create('x', new Uint8Array([7]), never)).toBe('created');
      expect(await store.read('x', never)).toEqual(new Uint8Array([7]));
      expect(await store.list('', never)).toEqual(['x']);
      await store.remove('x', never);
      expect(await store.list('', never)).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('never takes a missing bucket for one without objects', async () => {
    const store = new S3Store({ bucket: 'nowhere', client });
    const calls = [
      () => store.read('x', never),
      () => store.list('', never),
      () => store.create('x', new Uint8Array(1), never),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: 'MR_STATE_UNREACHABLE',
        message: expect.stringContaining('see that the bucket exists') as string,
      });
    }
  });

  it('says what it cannot reach', async () => {
    const away = new S3Client({
      region: testRegion,
      credentials: testCredentials,
      endpoint: 'http://127.0.0.1:9',
      maxAttempts: 1,
    });
    await expect(new S3Store({ bucket: 'states', client: away }).read('x', never)).rejects.toMatchObject({
      code: 'MR_STATE_UNREACHABLE',
      reaction: 'restart',
      subject: { store: 's3://states' },
    });
    away.destroy();
  });
});
