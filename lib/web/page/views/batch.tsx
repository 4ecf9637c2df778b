import type { JSX } from 'preact';
import type { BatchInputView, BatchView, OutputView } from '../../../monitor/snapshot/snapshot.ts';
import type { PageState } from '../../page-state.ts';
import { batchTones } from '../batch-tables.tsx';
import { count, duration, moment } from '../format.ts';
import { Badge, Card, ErrorText, Facts, Placeholder, type Tone } from '../parts.tsx';
import { addressOf } from '../route.ts';
import { type Column, Table } from '../table.tsx';
import { useJson } from '../use-json.ts';

/** A batch as `/streaming/batches/{id}` tells it. */
interface BatchDetail {
  readonly batchId: number;
  readonly status: BatchView['status'];
  readonly batchDuration?: number;
  readonly inputSize: number;
  readonly schedulingDelay?: number;
  readonly processingTime?: number;
  readonly totalDelay?: number;
  readonly group: string;
  readonly commitId?: number;
  readonly attempts: number;
  readonly isReread: boolean;
  readonly step?: string;
  readonly inputs: readonly BatchInputView[];
  readonly outputs: readonly OutputView[];
  readonly error: string | null;
}

/** One batch: what it is made of, what became of its outputs, and why it failed. */
export function BatchDetailView({
  state,
  batchKey,
}: {
  readonly state: PageState;
  readonly batchKey: string;
}): JSX.Element {
  const application = encodeURIComponent(state.application.applicationName ?? 'local');
  // A batch in work is asked for again whenever it has changed; one that is over does not.
  const active = state.activeBatches.find(({ key }) => key === batchKey);
  const again =
    active === undefined ? 'over' : `${active.status} ${active.step} ${active.outputsSucceeded} ${active.attempts}`;
  const answer = useJson<BatchDetail>(
    `api/v1/applications/${application}/streaming/batches/${encodeURIComponent(batchKey)}`,
    again,
  );
  const back = <a href={addressOf('streaming')}>All batches</a>;
  if (answer.tag === 'loading') return <Placeholder title="Fetching the batch" isBusy />;
  if (answer.tag === 'failed') {
    return (
      <Placeholder title="The batch cannot be shown">
        {answer.message}. {back}
      </Placeholder>
    );
  }
  return <Detail batch={answer.value} back={back} />;
}

function Detail({ batch, back }: { readonly batch: BatchDetail; readonly back: JSX.Element }): JSX.Element {
  return (
    <>
      <p class="crumbs">
        {back} / {moment(batch.batchId, true)}
      </p>
      <Card
        title={`Batch of ${moment(batch.batchId, true)}`}
        aside={<Badge tone={batchTones[batch.status]}>{batch.status.toLowerCase()}</Badge>}
      >
        <Facts
          facts={[
            ['Batch Duration', duration(batch.batchDuration)],
            ['Input data size', `${count(batch.inputSize)} records`],
            ['Scheduling delay', duration(batch.schedulingDelay)],
            ['Processing time', duration(batch.processingTime)],
            ['Total delay', duration(batch.totalDelay)],
            ['Commit group', batch.group],
            ['Batch id', batch.commitId ?? 'given when work begins'],
            ['Attempts', count(batch.attempts)],
            ['Last step', batch.step ?? '–'],
            ['Read again', batch.isReread ? 'yes, the ranges of a plan that was found' : 'no'],
          ]}
        />
        {batch.error !== null && <pre class="error-box">{batch.error}</pre>}
      </Card>
      <Card title={`Outputs (${batch.outputs.length})`}>
        <Table
          label="Outputs"
          columns={outputColumns}
          entries={batch.outputs}
          keyOf={({ outputId }) => `${outputId}`}
          empty="No output has begun."
        />
      </Card>
      <Card
        title={`Input (${batch.inputs.length === 1 ? '1 range' : `${count(batch.inputs.length)} ranges`})`}
        aside="(after, through] of each shard"
      >
        <Table
          label="Ranges"
          columns={inputColumns}
          entries={batch.inputs}
          keyOf={({ streamName, shardId, after }) => `${streamName} ${shardId} ${after}`}
          empty="The batch has not begun, or has no records."
        />
      </Card>
    </>
  );
}

const outputTones: Readonly<Record<OutputView['status'], Tone>> = {
  PROCESSING: 'warn',
  COMPLETED: 'good',
  FAILED: 'bad',
};

const outputColumns: readonly Column<OutputView>[] = [
  { title: 'Output Op Id', isNumber: true, cell: ({ outputId }) => outputId },
  { title: 'Description', isWide: true, cell: ({ name }) => name },
  { title: 'Duration', isNumber: true, cell: ({ durationMillis }) => duration(durationMillis) },
  { title: 'Attempt', isNumber: true, cell: ({ attempt }) => attempt },
  { title: 'Status', cell: ({ status }) => <Badge tone={outputTones[status]}>{status.toLowerCase()}</Badge> },
  { title: 'Error', isWide: true, cell: ({ error }) => <ErrorText text={error} /> },
];

const inputColumns: readonly Column<BatchInputView>[] = [
  { title: 'Stream', cell: ({ streamName }) => streamName },
  {
    title: 'Shard',
    cell: ({ streamName, shardId }) => <a href={addressOf('shards', `${streamName} ${shardId}`)}>{shardId}</a>,
  },
  { title: 'Tenure', isNumber: true, cell: ({ tenure }) => tenure, sortBy: ({ tenure }) => tenure },
  { title: 'Records', isNumber: true, cell: ({ records }) => count(records), sortBy: ({ records }) => records },
  { title: 'After', cell: ({ after }) => <code class="long">{after}</code> },
  { title: 'Through', cell: ({ through }) => <code class="long">{through}</code> },
];
