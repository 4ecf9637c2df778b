import { systemClock } from '../base/clock.ts';
import { EventBus } from '../event/bus.ts';
import { createAwsKinesis } from '../kinesis/aws-kinesis.ts';
import type { KinesisApi } from '../kinesis/kinesis-api.ts';
import { clientsOf, settingsOfProgram } from './assembly.ts';
import type { Clients } from './clients.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';

/** Options of a program that works on a stream without an application: no table is touched. */
export type StreamOnlyOptions = Omit<ConsumerOptions, 'applicationName'>;

/** A stream that is worked on without leases. */
export interface OpenedStream {
  readonly settings: ConsumerSettings;
  readonly clients: Clients;
  readonly api: KinesisApi;
  readonly events: EventBus;
}

/**
 * Makes the calls of one stream from the options of a program. Nothing is sent; destroy the clients at the end. `name` is what
 * a stream consumer of fan-out is registered as, unless the options say: never that of an application, whose subscriptions
 * it would take; and it is deregistered at the end.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming every option at fault
 */
export function openWithoutLeases(name: string, options: StreamOnlyOptions): OpenedStream {
  const leaveNothing = options.retrievalMode === 'FAN_OUT' && options.consumerArn === undefined;
  const deregister = leaveNothing ? { deregisterConsumer: true } : {};
  const settings = settingsOfProgram({ ...deregister, ...options, applicationName: name });
  const { streamName, streamArn, codec } = settings;
  const clients = clientsOf(settings);
  const events = new EventBus();
  const stream = streamArn === undefined ? { streamName } : { streamArn };
  return {
    settings,
    clients,
    events,
    api: createAwsKinesis({ client: clients.kinesis, stream, clock: systemClock, events, codec }),
  };
}
