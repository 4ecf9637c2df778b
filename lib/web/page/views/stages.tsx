import type { JSX } from 'preact';
import type { StageView } from '../../../monitor/snapshot/snapshot.ts';
import type { PageState } from '../../page-state.ts';
import { count, duration, moment } from '../format.ts';
import { Card, ErrorText, Facts, Placeholder } from '../parts.tsx';
import { addressOf } from '../route.ts';
import { type Column, Table } from '../table.tsx';

/** The talk's page "Spark Stages": a stage is one try of one output, with the operators before it fused into one pass. */
export function StagesView({ state }: { readonly state: PageState }): JSX.Element {
  const { activeStages, completedStages, counts, application, takenAtMillis } = state;
  if (activeStages.length === 0 && completedStages.length === 0) {
    return (
      <Placeholder title="No stage has run">
        A program with the engine has one for each output of each batch.
      </Placeholder>
    );
  }
  const failed = completedStages.filter(({ error }) => error !== null);
  const over = completedStages.filter(({ error }) => error === null);
  const table = { columns: columnsOf(takenAtMillis), keyOf: ({ stageId }: StageView) => `${stageId}` };
  return (
    <>
      <Card title="Stages">
        <Facts
          facts={[
            ['Total Duration', duration(Math.floor((takenAtMillis - application.startedAtMillis) / 1_000) * 1_000)],
            ['Scheduling Mode', 'FIFO'],
            ['Active Stages', count(activeStages.length)],
            ['Completed Stages', count(counts.completedStages)],
            ['Failed Stages', count(counts.failedStages)],
          ]}
        />
      </Card>
      <Card title={`Active Stages (${count(activeStages.length)})`}>
        <Table label="Active stages" entries={activeStages} empty="No stage is in work." visibleRows={6} {...table} />
      </Card>
      <Card title={`Completed Stages (last ${count(over.length)} of ${count(counts.completedStages)})`}>
        <Table label="Completed stages" entries={over} empty="No stage is completed yet." {...table} />
      </Card>
      <Card title={`Failed Stages (last ${count(failed.length)} of ${count(counts.failedStages)})`}>
        <Table label="Failed stages" entries={failed} empty="No stage has failed." visibleRows={8} {...table} />
      </Card>
    </>
  );
}

function columnsOf(nowMillis: number): readonly Column<StageView>[] {
  const lasted = (stage: StageView) => stage.durationMillis ?? nowMillis - stage.submittedAtMillis;
  const none = (
    <span class="muted" title="Keyed operators regroup in memory: nothing is written for it">
      –
    </span>
  );
  return [
    { title: 'Stage Id', isNumber: true, cell: ({ stageId }) => stageId, sortBy: ({ stageId }) => stageId },
    {
      title: 'Description',
      isWide: true,
      cell: ({ description, batchKey }) => <a href={addressOf('batch', batchKey)}>{description}</a>,
      sortBy: ({ description }) => description,
    },
    {
      title: 'Submitted',
      cell: ({ submittedAtMillis }) => moment(submittedAtMillis),
      sortBy: ({ submittedAtMillis }) => submittedAtMillis,
    },
    { title: 'Duration', isNumber: true, cell: (stage) => duration(lasted(stage)), sortBy: lasted },
    {
      title: 'Tasks: Succeeded/Total',
      isNumber: true,
      cell: ({ tasksSucceeded, tasksTotal }) => `${tasksSucceeded}/${tasksTotal}`,
    },
    {
      title: 'Input',
      isNumber: true,
      cell: ({ inputRecords }) => count(inputRecords),
      sortBy: ({ inputRecords }) => inputRecords,
    },
    { title: 'Shuffle Read', isNumber: true, cell: () => none },
    { title: 'Shuffle Write', isNumber: true, cell: () => none },
    { title: 'Error', isWide: true, cell: ({ error }) => <ErrorText text={error} /> },
  ];
}
