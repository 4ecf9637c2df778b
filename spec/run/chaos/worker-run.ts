import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../../lib/base/error.ts';
import { aborted } from '../../../lib/base/abort.ts';
import {
  type Block,
  type Consumer,
  type KinesisRecord,
  type MillraceEvent,
  type RunOptions,
  createConsumer,
  createReceiver,
  deadLetterFile,
} from '../../../lib/index.ts';
import { LineCutter } from '../demo/report.ts';
import { LedgerWriter, writeAll } from './ledger-file.ts';
import { type HandledRecord, machineMillis } from './ledger-line.ts';
import { recordOf } from './load-keys.ts';
import { meterStalls } from './stall-meter.ts';
import { type ChaosWorkerSettings, type WorkerCommand, batchIntervalMillis } from './worker-settings.ts';

/** Changes what the handler takes note of: for workers that are broken on purpose. */
export type Tamper = (records: readonly HandledRecord[]) => readonly HandledRecord[];

/** Events that come with every read; the ledger is to hold what matters. */
const frequentEvents: ReadonlySet<MillraceEvent['type']> = new Set(['shard.read', 'block.sealed']);

/** Runs a worker until SIGTERM: reads, handles, and writes down what it handled, what happened and how late it was. */
export async function runWorker(settings: ChaosWorkerSettings, tamper: Tamper = (records) => records): Promise<void> {
  const ledger = new LedgerWriter(settings.ledgerPath);
  const work = new Work(settings, ledger, tamper);
  const { events, run } = consuming(settings, work);
  events.subscribe((event) => {
    if (!frequentEvents.has(event.type)) ledger.append({ type: 'event', atMillis: machineMillis(), event });
  });
  const stopMeter = meterStalls((latenessMillis) =>
    ledger.append({ type: 'stall', atMillis: machineMillis(), latenessMillis }),
  );
  hearCommands((command) => {
    ledger.append({ type: 'told', atMillis: machineMillis(), command: command.type });
    work.obey(command);
  });
  ledger.append({ type: 'ready', atMillis: machineMillis() });
  try {
    await run({ signals: ['SIGTERM'] });
    ledger.append({ type: 'ended', atMillis: machineMillis() });
  } catch (thrown) {
    ledger.append({ type: 'ended', atMillis: machineMillis(), fault: messageOf(thrown) });
    process.exitCode = 1;
  } finally {
    stopMeter();
    // Standard input stays open for as long as the parent lives, and would keep this process too.
    process.stdin.destroy();
  }
}

/** The way to consume that the settings ask for. */
function consuming(
  settings: ChaosWorkerSettings,
  work: Work,
): { readonly events: Consumer['events']; readonly run: (options: RunOptions) => Promise<void> } {
  const options = optionsOf(settings);
  if (settings.way === 'engine') {
    const receiver = createReceiver(options);
    const engine = { onBatch: (batch: readonly Block[]) => work.handleBatch(batch) };
    return {
      events: receiver.events,
      run: (runOptions) => receiver.feed(engine, { batchIntervalMillis, ...runOptions }),
    };
  }
  const consumer = createConsumer(options);
  const run = async (runOptions: RunOptions) => {
    if (settings.way === 'handler') {
      return consumer.run(({ records, shardId, signal }) => work.handle(shardId, records, signal), runOptions);
    }
    for await (const block of consumer.blocks(runOptions)) {
      if (block.signal.aborted) continue;
      await work.handle(block.shardId, block.records, block.signal);
      await block.ack();
    }
  };
  return { events: consumer.events, run };
}

function optionsOf({ options, onFailure }: ChaosWorkerSettings): Parameters<typeof createConsumer>[0] {
  // A retry that has to wait is no news here: the ledger has the events.
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  if (onFailure === undefined) return { ...options, logger };
  const { deadLetterPath, ...policy } = onFailure;
  // oxlint-disable-next-line unicorn/no-thenable -- the name of an option; nobody awaits it
  return { ...options, logger, onFailure: { ...policy, then: deadLetterFile(deadLetterPath) } };
}

/** The handler, and what it was told meanwhile. */
class Work {
  readonly #settings: ChaosWorkerSettings;
  readonly #ledger: LedgerWriter;
  readonly #tamper: Tamper;
  #output: string | undefined;
  #toStall: Extract<WorkerCommand, { type: 'stall' }> | undefined;

  constructor(settings: ChaosWorkerSettings, ledger: LedgerWriter, tamper: Tamper) {
    this.#settings = settings;
    this.#ledger = ledger;
    this.#tamper = tamper;
  }

  obey(command: WorkerCommand): void {
    switch (command.type) {
      case 'block':
        blockFor(command.forMillis);
        return;
      case 'output':
        this.#output = command.path;
        return;
      case 'stall':
        this.#toStall = command;
        return;
    }
  }

  /** The blocks of a batch, one after the other; those whose shard is somebody else's by now are left out. */
  async handleBatch(batch: readonly Block[]): Promise<void> {
    for (const { shardId, records, signal } of batch) {
      if (!signal.aborted) await this.handle(shardId, records, signal);
    }
  }

  async handle(shardId: string, records: readonly KinesisRecord[], signal: AbortSignal): Promise<void> {
    const { poison, handlerMillis } = this.#settings;
    const sinceMillis = machineMillis();
    if (poison !== undefined && records.some((record) => record.text().includes(poison))) {
      throw new Error('this record is poison');
    }
    if (this.#toStall !== undefined && (this.#toStall.shardId ?? shardId) === shardId) {
      this.#toStall = undefined;
      await aborted(signal);
    }
    await delay(handlerMillis);
    // What nobody needs any more is left undone, as a careful handler would.
    signal.throwIfAborted();
    const handled = this.#tamper(records.map(recordOf));
    if (this.#output !== undefined) writeTo(this.#output, `${JSON.stringify(handled)}\n`);
    this.#ledger.append({ type: 'records', atMillis: machineMillis(), sinceMillis, shardId, records: handled });
  }
}

function blockFor(millis: number): void {
  const untilMillis = machineMillis() + millis;
  while (machineMillis() < untilMillis);
}

function writeTo(path: string, text: string): void {
  const file = openSync(path, 'a', 0o600);
  try {
    writeAll(file, text);
  } finally {
    closeSync(file);
  }
}

function hearCommands(obey: (command: WorkerCommand) => void): void {
  const cutter = new LineCutter();
  process.stdin.setEncoding('utf8').on('data', (piece: string) => {
    for (const line of cutter.push(piece)) obey(JSON.parse(line) as WorkerCommand);
  });
}
