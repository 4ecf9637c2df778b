import type { JSX } from 'preact';
import type { BatchRow, PageState } from '../page-state.ts';
import { count, duration, moment } from './format.ts';
import { Badge, Card, ErrorText, type Tone } from './parts.tsx';
import { addressOf } from './route.ts';
import { type Column, Table } from './table.tsx';

/** The colour of a batch's status. */
export const batchTones: Readonly<Record<BatchRow['status'], Tone>> = {
  QUEUED: 'calm',
  PROCESSING: 'warn',
  COMPLETED: 'good',
  FAILED: 'bad',
  DROPPED: 'calm',
};

/** Active and completed batches, with the columns of Spark's page. */
export function BatchTables({ state }: { readonly state: PageState }): JSX.Element {
  const { activeBatches, completedBatches, counts, application } = state;
  const withMillis = (application.batchIntervalMillis ?? 0) < 1_000;
  const common = columnsOf(
    withMillis,
    [...activeBatches, ...completedBatches].some(({ group }) => group !== 'application'),
  );
  const status: Column<BatchRow> = {
    title: 'Status',
    cell: (batch) => (
      <>
        <Badge tone={batchTones[batch.status]}>{batch.status.toLowerCase()}</Badge>
        {batch.isReread && <Badge tone="calm">read again</Badge>}
      </>
    ),
    sortBy: (batch) => batch.status,
  };
  const total: Column<BatchRow> = {
    title: 'Total Delay',
    isNumber: true,
    cell: (batch) => duration(batch.totalDelayMillis),
    sortBy: (batch) => batch.totalDelayMillis ?? -1,
  };
  const outputs: Column<BatchRow> = {
    title: 'Output Ops: Succeeded/Total',
    isNumber: true,
    cell: (batch) => `${batch.outputsSucceeded}/${batch.outputsTotal}`,
  };
  const error: Column<BatchRow> = { title: 'Error', isWide: true, cell: (batch) => <ErrorText text={batch.error} /> };
  const table = {
    keyOf: ({ key }: BatchRow) => key,
    onOpen: ({ key }: BatchRow) => {
      location.hash = addressOf('batch', key);
    },
    rowTone: (batch: BatchRow) => (batch.status === 'FAILED' ? ('bad' as const) : undefined),
  };
  return (
    <>
      <Card title={`Active Batches (${count(activeBatches.length)})`}>
        <Table
          label="Active batches"
          columns={[...common, outputs, status, error]}
          entries={activeBatches}
          empty="No batch waits or is in work."
          visibleRows={8}
          {...table}
        />
      </Card>
      <Card
        title={`Completed Batches (last ${count(completedBatches.length)} of ${count(counts.completedBatches + counts.failedBatches)})`}
      >
        <Table
          label="Completed batches"
          columns={[...common, total, outputs, status, error]}
          entries={completedBatches}
          empty="No batch is completed yet."
          {...table}
        />
      </Card>
    </>
  );
}

function columnsOf(withMillis: boolean, hasGroups: boolean): readonly Column<BatchRow>[] {
  const group: Column<BatchRow> = { title: 'Group', cell: (batch) => batch.group, sortBy: (batch) => batch.group };
  return [
    {
      title: 'Batch Time',
      cell: (batch) => <a href={addressOf('batch', batch.key)}>{moment(batch.batchTimeMillis, withMillis)}</a>,
      sortBy: (batch) => batch.batchTimeMillis,
    },
    ...(hasGroups ? [group] : []),
    { title: 'Id', isNumber: true, cell: (batch) => batch.batchId ?? '–', sortBy: (batch) => batch.batchId ?? -1 },
    { title: 'Records', isNumber: true, cell: (batch) => count(batch.records), sortBy: (batch) => batch.records },
    {
      title: 'Scheduling Delay',
      isNumber: true,
      cell: (batch) => duration(batch.schedulingDelayMillis),
      sortBy: (batch) => batch.schedulingDelayMillis ?? -1,
    },
    {
      title: 'Processing Time',
      isNumber: true,
      cell: (batch) => duration(batch.processingDelayMillis),
      sortBy: (batch) => batch.processingDelayMillis ?? -1,
    },
  ];
}
