import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../../lib/base/error.ts';
import { aborted } from '../../../lib/base/abort.ts';
import { type KinesisRecord, type MillraceEvent, createConsumer, deadLetterFile } from '../../../lib/index.ts';
import { LineCutter } from '../demo/report.ts';
import { LedgerWriter, writeAll } from './ledger-file.ts';
import { type HandledRecord, machineMillis } from './ledger-line.ts';
import { recordOf } from './load-keys.ts';
import { meterStalls } from './stall-meter.ts';
import type { ChaosWorkerSettings, WorkerCommand } from './worker-settings.ts';

/** Changes what the handler takes note of: for workers that are broken on purpose. */
export type Tamper = (records: readonly HandledRecord[]) => readonly HandledRecord[];

/** Events that come with every read; the ledger is to hold what matters. */
const frequentEvents: ReadonlySet<MillraceEvent['type']> = new Set(['shard.read', 'block.sealed']);

/** Runs a worker until SIGTERM: reads, handles, and writes down what it handled, what happened and how late it was. */
export async function runWorker(settings: ChaosWorkerSettings, tamper: Tamper = (records) => records): Promise<void> {
  const ledger = new LedgerWriter(settings.ledgerPath);
  const consumer = createConsumer(optionsOf(settings));
  consumer.events.subscribe((event) => {
    if (!frequentEvents.has(event.type)) ledger.append({ type: 'event', atMillis: machineMillis(), event });
  });
  const stopMeter = meterStalls((latenessMillis) =>
    ledger.append({ type: 'stall', atMillis: machineMillis(), latenessMillis }),
  );
  const work = new Work(settings, ledger, tamper);
  hearCommands((command) => {
    ledger.append({ type: 'told', atMillis: machineMillis(), command: command.type });
    work.obey(command);
  });
  ledger.append({ type: 'ready', atMillis: machineMillis() });
  try {
    await consumer.run(({ records, shardId, signal }) => work.handle(shardId, records, signal), {
      signals: ['SIGTERM'],
    });
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
  #isToStall = false;

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
        this.#isToStall = true;
        return;
    }
  }

  async handle(shardId: string, records: readonly KinesisRecord[], signal: AbortSignal): Promise<void> {
    const { poison, handlerMillis } = this.#settings;
    const sinceMillis = machineMillis();
    if (poison !== undefined && records.some((record) => record.text().includes(poison))) {
      throw new Error('this record is poison');
    }
    if (this.#isToStall) {
      this.#isToStall = false;
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
