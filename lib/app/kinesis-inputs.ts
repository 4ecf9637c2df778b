import type { ConsumerSettings } from './config/consumer-settings.ts';
import { type Assembly, type EngineNeeds, assemble } from './assembly.ts';
import { EventBus } from '../event/bus.ts';
import type { Watch } from './watch.ts';
import { MergedSource } from './merged-source.ts';

/** One Kinesis stream of a context, and how many receivers read it. */
export interface KinesisInput {
  readonly settings: ConsumerSettings;
  readonly receivers: number;
}

/** The receivers of a context as one source, and their end. */
export interface KinesisInputs extends AsyncDisposable {
  readonly source: MergedSource;
  readonly assemblies: readonly Assembly[];
}

/**
 * The settings of each receiver of an input: workers of their own, which share the shards as workers of several processes
 * would. Each has its part of the memory.
 */
export function receiverSettings({ settings, receivers }: KinesisInput): ConsumerSettings[] {
  if (receivers === 1) return [settings];
  return Array.from({ length: receivers }, (_, index) => ({
    ...settings,
    workerIdentifier: `${settings.workerIdentifier}-${index + 1}`,
    maxBufferedBytes: Math.floor(settings.maxBufferedBytes / receivers),
  }));
}

/**
 * Wires the receivers of all Kinesis streams of a context. Every event of theirs is published on `bus` once, and logged
 * once. `engine`: what their engine asks of all of them.
 */
export function openInputs(
  inputs: readonly KinesisInput[],
  bus: EventBus,
  engine: Omit<EngineNeeds, 'companions' | 'startAt'>,
  watch: Pick<Watch, 'speakAs'>,
): KinesisInputs {
  const unsubscribe: (() => void)[] = [];
  let opened = 0;
  const assemblies = inputs.flatMap((input, inputIndex) => {
    const all = receiverSettings(input);
    const names = new Set(all.map(({ workerIdentifier }) => workerIdentifier));
    return all.map((settings, index) => {
      const receiverId = opened;
      opened += 1;
      const needs = { ...engine, companions: names };
      if (inputIndex === 0 && index === 0) return assemble(settings, bus, needs);
      const own = new EventBus();
      unsubscribe.push(own.subscribe((event) => watch.speakAs(receiverId, () => bus.publish(event))));
      // The first receiver logs what all of them publish, and has the listener that is for all.
      return assemble({ ...settings, logger: silent, listener: undefined }, own, needs);
    });
  });
  return {
    source: new MergedSource(assemblies.map(({ receiver }) => receiver)),
    assemblies,
    [Symbol.asyncDispose]: async () => {
      for (const assembly of assemblies) await assembly[Symbol.asyncDispose]();
      for (const undo of unsubscribe) undo();
    },
  };
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
