import { Worker } from 'node:worker_threads';
import { stayingController } from '../base/abort.ts';
import { type Clock, pause } from '../base/clock.ts';
import { MillraceError, messageOf, toMillraceError } from '../base/error.ts';
import { deferred } from '../base/service.ts';
import type { EventSink } from '../event/bus.ts';
import type { Keeper } from '../lease/keeper.ts';
import type { LeaseKeeperOptions } from '../lease/keeper-options.ts';
import { LeaseKeeper } from '../lease/lease-keeper.ts';
import { Heartbeat } from '../lease/thread/heartbeat.ts';
import { type KeeperLink, ThreadKeeper } from '../lease/thread/thread-keeper.ts';
import type { Clients } from './clients.ts';
import type { CredentialIdentity } from './config/consumer-options.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { processEnvironment } from './config/environment.ts';
import type { FromThread, KeeperThreadData, ToThread } from './keeper-thread-data.ts';

/** How often the credentials are looked at; the SDK renews those that expire within five minutes. */
const credentialsIntervalMillis = 30_000;

/** What {@link KeeperThread} needs. */
export interface KeeperThreadOptions {
  readonly settings: ConsumerSettings;
  /** The main thread's clients: they say the region, and give the credentials as values. */
  readonly clients: Clients;
  readonly clock: Clock;
  readonly events: EventSink;
}

/** The thread in which the heartbeats of one worker run; disposing it ends the thread, whatever it is about. */
export class KeeperThread implements Disposable {
  readonly #options: KeeperThreadOptions;
  readonly #life = stayingController();
  #worker: Worker | undefined;
  #isRefreshing = false;

  constructor(options: KeeperThreadOptions) {
    this.#options = options;
  }

  /**
   * Makes the keeper: in a thread, unless the settings say inline or a thread cannot be (its file is not there, as in a bundle;
   * the process may start none; the credentials are no values). Then it is told by an event, and the heartbeats run inline.
   */
  async createKeeper(options: LeaseKeeperOptions): Promise<Keeper> {
    const { settings, events } = this.#options;
    if (settings.heartbeatIsolation === 'inline') return new LeaseKeeper(options);
    const { stalledAfterMillis, dynamoDBEndpoint, onStall, logger } = settings;
    try {
      const heartbeat = new Heartbeat();
      const { region, credentials } = await this.#identity();
      const link = await this.#start({
        tables: tablesOf(settings),
        workerIdentifier: settings.workerIdentifier,
        failoverTimeMillis: settings.failoverTimeMillis,
        initialPosition: settings.initialPosition,
        stalledAfterMillis,
        onStall,
        region,
        credentials,
        dynamoDBEndpoint,
        heartbeat: heartbeat.shared,
        logsStalls: logger === undefined,
      });
      if (!this.#isRefreshing) void this.#refresh(credentials);
      return new ThreadKeeper({ ...options, link, heartbeat, stalledAfterMillis });
    } catch (thrown) {
      events.publish({ type: 'heartbeats.inlined', reason: messageOf(thrown) });
      return new LeaseKeeper(options);
    }
  }

  async #identity(): Promise<{ readonly region: string; readonly credentials: CredentialIdentity }> {
    const { region, credentials } = await this.#options.clients.dynamoDBIdentity();
    return { region, credentials: valuesOf(credentials) };
  }

  /** Starts the thread; answers once it is ready. */
  async #start(data: KeeperThreadData): Promise<KeeperLink> {
    this.#life.signal.throwIfAborted();
    // A receiver that is started again has left its former keeper behind.
    void this.#worker?.terminate();
    const worker = startWorker(data);
    this.#worker = worker;
    // The run of the worker keeps the process alive, not its thread.
    worker.unref();
    const ready = deferred<void>();
    const inbox: FromThread[] = [];
    let take = (message: FromThread): void => void inbox.push(message);
    let breakLink = (fault: MillraceError): void => ready.reject(fault);
    const gone = (why: string) =>
      breakLink(
        new MillraceError('MR_INTERNAL', `the thread of the heartbeats has ended: ${why}`, { reaction: 'restart' }),
      );
    worker.on('message', (message: FromThread) => (message.type === 'ready' ? ready.resolve() : take(message)));
    worker.once('error', (thrown) => gone(messageOf(thrown)));
    worker.once('exit', (code) => gone(`exit code ${code}`));
    await ready.promise;
    return {
      send: (message) => worker.postMessage(message satisfies ToThread),
      listen: (onMessage, onBroken) => {
        take = (message) => message.type !== 'ready' && onMessage(message);
        breakLink = onBroken;
        for (const message of inbox.splice(0)) take(message);
      },
    };
  }

  /** Sends the credentials on whenever the main thread's client has new ones. */
  async #refresh(first: CredentialIdentity): Promise<void> {
    const { clock, events } = this.#options;
    this.#isRefreshing = true;
    let sent = first;
    while (await pause(clock, credentialsIntervalMillis, this.#life.signal)) {
      try {
        const { credentials } = await this.#identity();
        if (isSame(credentials, sent) || this.#life.signal.aborted) continue;
        sent = credentials;
        this.#worker?.postMessage({ type: 'credentials', credentials } satisfies ToThread);
      } catch (thrown) {
        const { code, message, subject } = toMillraceError(thrown);
        events.publish({ type: 'fault.seen', code, message, subject });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#life.abort(new MillraceError('MR_ABORTED', 'the run of this worker has ended'));
    void this.#worker?.terminate();
  }
}

/** The SDK says once per process that it will leave this version of Node; a thread is no process. */
const threadEnvironment = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };

/**
 * The thread makes a few calls a second: with the room for young objects that Node gives a thread, 25 MB of memory would
 * hold garbage. What it keeps for longer has no other limit than usual.
 */
const threadLimits = { maxYoungGenerationSizeMb: 4 };

/** What runs sources where Node itself cannot: a thread does not inherit it. The compiled package never asks for it. */
const sourceLoader = JSON.stringify('tsx/esm/api');

/** Starts the program beside this file: TypeScript when this is, compiled when this is. */
function startWorker(data: KeeperThreadData): Worker {
  const source = new URL('./keeper-thread-main.ts', import.meta.url);
  // Without the flags of the process: they are for its program, and some of them forbid a thread that has a file.
  const options = {
    workerData: data,
    env: { ...processEnvironment(), ...threadEnvironment },
    execArgv: [],
    resourceLimits: threadLimits,
  };
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL(source.href.replace(/\.ts$/, '.js')), options);
  const program = `import(${sourceLoader}).then((tsx) => { tsx.register(); return import(${JSON.stringify(source.href)}); });`;
  return new Worker(program, { ...options, eval: true });
}

function tablesOf(settings: ConsumerSettings): KeeperThreadData['tables'] {
  const { tableName, coordinationTables, coordinatorStateTableName, workerMetricsTableName } = settings;
  return { tableName, coordinationTables, coordinatorStateTableName, workerMetricsTableName };
}

/** The fields that a call is signed with, and nothing else of what a provider gave. */
function valuesOf(given: CredentialIdentity): CredentialIdentity {
  const { accessKeyId, secretAccessKey, sessionToken } = given;
  if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') {
    throw new MillraceError('MR_CREDENTIALS_MISSING', 'the credentials are not given as an access key and a secret');
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function isSame(one: CredentialIdentity, other: CredentialIdentity): boolean {
  return (
    one.accessKeyId === other.accessKeyId &&
    one.secretAccessKey === other.secretAccessKey &&
    one.sessionToken === other.sessionToken
  );
}
