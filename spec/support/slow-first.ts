import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, most of them because they wait for timers. Begun last, each of them would keep one process
 * busy while the others have nothing more to do.
 */
const slow = [
  'spec/testkit/server/kinesis-conformance.spec.ts',
  'spec/bench/read.spec.ts',
  'spec/receiver/rolling-restart.spec.ts',
  'spec/bench/receiver.spec.ts',
  'spec/run/figures.spec.ts',
  'spec/engine/cases/cases.spec.ts',
  'spec/receiver/receiver-property.spec.ts',
  'spec/kinesis/fan-out-wire.spec.ts',
  'spec/lease/whole-fleet.spec.ts',
  'spec/integration/exactly-once.integration.spec.ts',
  'spec/integration/blocked-loop.integration.spec.ts',
  'spec/integration/state-admin.integration.spec.ts',
  'spec/integration/chaos.integration.spec.ts',
  'spec/integration/cli-consume.integration.spec.ts',
  'spec/integration/demo.integration.spec.ts',
  'spec/integration/processes.integration.spec.ts',
  'spec/integration/fan-out.integration.spec.ts',
  'spec/integration/consumer.integration.spec.ts',
  'spec/interop/mixed-load.interop.spec.ts',
  'spec/interop/java-first.interop.spec.ts',
  'spec/interop/millrace-first.interop.spec.ts',
  'spec/interop/java-alone.interop.spec.ts',
  'spec/interop/fake-dynamo.interop.spec.ts',
];

/** The order in which the spec files are begun: the slow ones first, then vitest's own order. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const first = slow.flatMap((name) => sorted.filter(({ moduleId }) => moduleId.endsWith(`/${name}`)));
    return [...first, ...sorted.filter((file) => !first.includes(file))];
  }
}
