import { hostname } from 'node:os';
import { stayingController } from '../base/abort.ts';
import { MillraceError } from '../base/error.ts';
import { systemClock } from '../base/clock.ts';
import type { EventBus } from '../event/bus.ts';
import { CloudWatchSink } from '../monitor/cloudwatch/cloudwatch-client.ts';
import { CloudWatchPublisher } from '../monitor/cloudwatch/publisher.ts';
import { Monitor } from '../monitor/monitor.ts';
import type { StreamingListener } from '../monitor/listener.ts';
import { tellListener } from '../monitor/streaming-listener.ts';
import type { Snapshot } from '../monitor/snapshot/snapshot.ts';
import { SnapshotFold, noOrigin } from '../monitor/snapshot/fold.ts';
import type { Origin } from '../monitor/snapshot/origin.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import type { ConfigurationSection } from '../web/source.ts';
import type { UiOptions } from './config/ui-options.ts';
import { shownSettings } from './shown-settings.ts';
import { type Ui, startProgramUi } from './ui.ts';

/** Has a listener hear of a program; `watch` gives what watches it by then. The returned function ends it. */
export function addListener(bus: EventBus, listener: StreamingListener, watch: () => Watch | undefined): () => void {
  if (typeof listener !== 'object' || listener === null) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      `addStreamingListener() needs an object with callbacks such as onBatchCompleted; it was given ${typeof listener}`,
    );
  }
  return tellListener(bus, listener, {
    wallMillis: () => systemClock.wallMillis(),
    location: hostname(),
    origin: () => watch()?.origin ?? noOrigin,
  });
}

/** The snapshot of a program that has not begun. */
export function emptySnapshot(applicationName: string | undefined): Snapshot {
  const startedAtMillis = systemClock.wallMillis();
  return new SnapshotFold({ startedAtMillis, location: hostname(), applicationName }).snapshot(startedAtMillis);
}

/** What watches one program: its snapshot, its alerts, its figures in CloudWatch. */
export class Watch {
  readonly monitor: Monitor;
  readonly #bus: EventBus;
  readonly #receivers: readonly ConsumerSettings[];
  readonly #program: readonly ConfigurationSection[];
  readonly #origins: readonly Origin[];
  readonly #publishing = stayingController();
  #speaking: Origin;
  #published: Promise<void> | undefined;
  #ui: Ui | undefined;

  /** `receivers`: the settings of each receiver of the program, in order; `program`: other options for the page. */
  constructor(bus: EventBus, receivers: readonly ConsumerSettings[], program: readonly ConfigurationSection[] = []) {
    this.#program = program;
    this.#bus = bus;
    this.#receivers = receivers;
    this.#origins = originsOf(receivers);
    this.#speaking = this.#origins[0] ?? noOrigin;
    const first = receivers[0];
    this.monitor = new Monitor({
      bus,
      clock: systemClock,
      location: hostname(),
      receivers: this.#origins,
      applicationName: first?.applicationName,
      alerts: first?.alerts,
      origin: () => this.#speaking,
    });
  }

  /** Begins what takes effect: alerts, and CloudWatch where it is asked for. */
  start(): void {
    this.monitor.start();
    const [first] = this.#receivers;
    if (first === undefined || !first.cloudWatch || first.metricsLevel === 'NONE') return;
    const { applicationName: namespace, metricsLevel: level, workerIdentifier, region, credentials } = first;
    const isOfSeveral = new Set(this.#receivers.map(({ streamName }) => streamName)).size > 1;
    const sink = new CloudWatchSink({ region, credentials, endpoint: first.cloudWatchEndpoint });
    const publisher = new CloudWatchPublisher({
      bus: this.#bus,
      clock: systemClock,
      sink,
      namespace,
      level,
      workerIdentifier,
      ...(first.metricsEnabledDimensions === undefined ? {} : { dimensions: first.metricsEnabledDimensions }),
      streamName: () => (isOfSeveral ? this.#speaking.streamName : ''),
    });
    this.#published = publisher.run(this.#publishing.signal).finally(() => sink.destroy());
  }

  /**
   * Serves the page of the program.
   * @throws MillraceError `MR_CONFIG_INVALID`, `MR_PORT_UNAVAILABLE`
   */
  async serve(options: UiOptions): Promise<void> {
    const configuration = [...this.#program, ...shownSettings(this.#receivers)];
    const source = { snapshot: () => this.monitor.snapshot(), configuration: () => configuration };
    this.#ui = await startProgramUi(source, options);
  }

  /** The receiver that is publishing now. */
  get origin(): Origin {
    return this.#speaking;
  }

  /** Passes an event on as that of a receiver: listeners of the bus are called in line, and ask who speaks. */
  speakAs(receiverId: number, publish: () => void): void {
    const before = this.#speaking;
    this.#speaking = this.#origins[receiverId] ?? before;
    try {
      publish();
    } finally {
      this.#speaking = before;
    }
  }

  /** Ends it: publishes what is left, for at most the time of one call; the page is served until then. */
  async end(): Promise<void> {
    this.#publishing.abort();
    await this.#published;
    await this.#ui?.[Symbol.asyncDispose]();
    this.monitor[Symbol.dispose]();
  }
}

function originsOf(receivers: readonly ConsumerSettings[]): Origin[] {
  return receivers.map(({ streamName, workerIdentifier }, receiverId) => ({
    receiverId,
    streamName,
    workerIdentifier,
  }));
}
