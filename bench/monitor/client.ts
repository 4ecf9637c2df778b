import { assemble, settingsOfProgram } from '../../lib/app/assembly.ts';
import { BlockLanes } from '../../lib/app/block-lanes.ts';
import type { ConsumerOptions } from '../../lib/app/config/consumer-options.ts';
import { createConsumer } from '../../lib/app/consumer.ts';
import { finishByHandler } from '../../lib/app/finish-blocks.ts';
import { runTogether } from '../../lib/app/run-together.ts';
import { linkedController } from '../../lib/base/abort.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { benchCredentials, benchRegion } from '../read/variant.ts';
import { type ReceiverTarget, answerParent, lookAtBlock } from '../receiver/worker.ts';

// A worker of `npm run bench -- monitor`. Arguments: a ReceiverTarget as JSON, and `watched` or `bare`: with everything that
// a consumer sees of itself and a page, or with nothing of it. Questions: see ReceiverQuestion; `page` asks for the address.

const target = JSON.parse(process.argv[2] ?? '{}') as ReceiverTarget;
const isWatched = process.argv[3] === 'watched';

const options: ConsumerOptions = {
  applicationName: `bench-${process.pid}`,
  region: benchRegion,
  credentials: benchCredentials,
  ...target,
};

/** What `consumer.run` does, without the snapshot that is folded from the events, alerts and the page. */
async function runBare(): Promise<void> {
  const assembly = assemble(settingsOfProgram(options), new EventBus());
  using life = linkedController();
  const ended = new AbortController();
  const lanes = new BlockLanes(assembly.clock);
  const work = lanes.dispatch({
    blocks: assembly.receiver.blocks,
    finish: finishByHandler(assembly, lookAtBlock, lanes),
    signals: { run: life.signal, ended: ended.signal },
  });
  await runTogether(assembly.receiver, life, work, () => ended.abort());
}

let tell: (url: string) => void = () => {};
const page = new Promise<string>((resolve) => {
  tell = resolve;
});

answerParent(() => page);

if (isWatched) {
  void createConsumer({ ...options, ui: { port: 0, onListening: ({ url }) => tell(url) } }).run(lookAtBlock);
} else {
  void runBare();
}
