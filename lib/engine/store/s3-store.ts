import type * as S3 from '@aws-sdk/client-s3';
import { MillraceError } from '../../base/error.ts';
import { customUserAgent } from '../../base/user-agent.ts';
import { checkObjectName, type CreateOutcome, type ObjectStore, storeFault } from './object-store.ts';

/** What is needed of an `S3Client`; its own type is not named, so that programs without the package compile. */
export interface S3ClientLike {
  send(command: never, options?: never): Promise<unknown>;
}

/** Options of `S3Store`. */
export interface S3StoreOptions {
  /** The bucket; it must exist. Versioning and life-cycle rules are the owner's affair, but must not expire objects in use. */
  readonly bucket: string;
  /** Begins every key; default none. */
  readonly prefix?: string;
  readonly region?: string;
  /** Another endpoint than the region's own, such as MinIO's or an emulator's; then buckets are addressed by path. */
  readonly endpoint?: string;
  /** A client that is there already; then `region` and `endpoint` must not be given, and it is not closed here. */
  readonly client?: S3ClientLike;
}

type Sdk = typeof S3;

/**
 * A store in a bucket of S3 or of a service that speaks its protocol and honours `If-None-Match: *` (S3 does since
 * August 2024). Needs the optional package `@aws-sdk/client-s3`, which is loaded with the first call.
 * Permissions: `s3:PutObject`, `s3:GetObject`, `s3:DeleteObject` on the keys, `s3:ListBucket` on the bucket; without the
 * last one a missing object looks like a forbidden one.
 */
export class S3Store implements ObjectStore {
  readonly location: string;
  readonly isDurable = true;
  readonly #options: S3StoreOptions;
  readonly #prefix: string;
  #loaded: Promise<{ readonly sdk: Sdk; readonly client: S3.S3Client }> | undefined;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    const prefix = (options.prefix ?? '').replace(/^\/+|\/+$/g, '');
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.location = `s3://${options.bucket}${prefix === '' ? '' : `/${prefix}`}`;
  }

  async create(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<CreateOutcome> {
    const Key = this.#keyOf(name);
    return this.#call(`could not write ${name}`, signal, async ({ sdk, client }) => {
      const command = new sdk.PutObjectCommand({
        Bucket: this.#options.bucket,
        Key,
        Body: bytes,
        ContentLength: bytes.byteLength,
        IfNoneMatch: '*',
      });
      try {
        await client.send(command, { abortSignal: signal });
        return 'created';
      } catch (thrown) {
        if (statusOf(thrown) === 412) return 'exists';
        throw thrown;
      }
    });
  }

  async read(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const Key = this.#keyOf(name);
    return this.#call(`could not read ${name}`, signal, async ({ sdk, client }) => {
      try {
        const command = new sdk.GetObjectCommand({ Bucket: this.#options.bucket, Key });
        const { Body } = await client.send(command, { abortSignal: signal });
        return await Body?.transformToByteArray();
      } catch (thrown) {
        // A missing bucket answers 404 too, and must never look like a missing object.
        if (statusOf(thrown) === 404 && nameOf(thrown) !== 'NoSuchBucket') return undefined;
        throw thrown;
      }
    });
  }

  async list(prefix: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#call(`could not list ${prefix}`, signal, async ({ sdk, client }) => {
      const names: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const command = new sdk.ListObjectsV2Command({
          Bucket: this.#options.bucket,
          Prefix: this.#prefix + prefix,
          ContinuationToken,
        });
        // A page names where the next begins: they can only follow each other.
        const page = await client.send(command, { abortSignal: signal });
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) names.push(Key.slice(this.#prefix.length));
        ContinuationToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      } while (ContinuationToken !== undefined);
      return names;
    });
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const Key = this.#keyOf(name);
    await this.#call(`could not remove ${name}`, signal, ({ sdk, client }) =>
      client.send(new sdk.DeleteObjectCommand({ Bucket: this.#options.bucket, Key }), { abortSignal: signal }),
    );
  }

  #keyOf(name: string): string {
    return this.#prefix + checkObjectName(name);
  }

  async #call<T>(
    what: string,
    signal: AbortSignal,
    body: (loaded: { readonly sdk: Sdk; readonly client: S3.S3Client }) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const loaded = await (this.#loaded ??= this.#load());
    try {
      return await body(loaded);
    } catch (thrown) {
      signal.throwIfAborted();
      throw storeFault(this.location, what, thrown, remedyOf(thrown));
    }
  }

  async #load(): Promise<{ readonly sdk: Sdk; readonly client: S3.S3Client }> {
    const { client, region, endpoint } = this.#options;
    let sdk: Sdk;
    try {
      sdk = await import('@aws-sdk/client-s3');
    } catch (thrown) {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        `state in ${this.location} needs the package @aws-sdk/client-s3, which could not be loaded; npm install @aws-sdk/client-s3`,
        { cause: thrown, subject: { store: this.location } },
      );
    }
    if (client !== undefined) return { sdk, client: client as S3.S3Client };
    const made = new sdk.S3Client({
      customUserAgent,
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      // The engine does its own retries, but those know nothing of S3's hints to slow down.
      maxAttempts: 3,
    });
    return { sdk, client: made };
  }
}

function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('$metadata' in thrown)) return undefined;
  const { httpStatusCode } = thrown.$metadata as { httpStatusCode?: number };
  return httpStatusCode;
}

function nameOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : '';
}

function remedyOf(thrown: unknown): string {
  switch (statusOf(thrown)) {
    case 403:
      return 'allow s3:PutObject, s3:GetObject and s3:DeleteObject on the keys and s3:ListBucket on the bucket';
    case 404:
      return 'see that the bucket exists in this region';
    case 501:
      return 'this service does not know If-None-Match, without which nothing is safe from being overwritten';
    case 503:
      return 'S3 asked to slow down; it is tried again';
    default:
      return 'see that the bucket can be reached with these credentials';
  }
}
