import type { JSX } from 'preact';
import type { ApplicationView, CommitView } from '../../../monitor/snapshot/snapshot.ts';
import type { PageState } from '../../page-state.ts';
import { ago, count, moment } from '../format.ts';
import { Badge, Card, Facts, Placeholder, type Tone } from '../parts.tsx';
import { type Column, Table } from '../table.tsx';

type Output = ApplicationView['outputs'][number];

/** How far each commit group is, and what has become of its state. */
export function StateView({ state }: { readonly state: PageState }): JSX.Element {
  const { application, commits, takenAtMillis, totals } = state;
  if (commits.length === 0) {
    return (
      <Placeholder title="Nothing is committed yet">
        {`${count(totals.checkpoints)} checkpoints were written. Commits are those of programs with the engine.`}
      </Placeholder>
    );
  }
  const unclaimed = commits.reduce((sum, commit) => sum + commit.unclaimed.length, 0);
  return (
    <>
      <Card title="State and commits">
        <Facts
          facts={[
            ['Scope', application.scope ?? '–'],
            ['Why', application.scopeReason ?? '–'],
            ['Epoch', application.epoch ?? '–'],
            ['Held by', application.holder ?? 'this process'],
            ['Commit groups', count(commits.length)],
            ['Checkpoints', count(totals.checkpoints)],
            ['Ranges refused', count(commits.reduce((sum, commit) => sum + commit.refusedRanges, 0))],
            ['Unclaimed state', count(unclaimed)],
          ]}
        />
      </Card>
      <Card title={`Outputs (${application.outputs.length})`} aside="how often each shows a record">
        <Guarantees outputs={application.outputs} />
      </Card>
      <Card title="Commit groups">
        <Table
          label="Commit groups"
          columns={columnsOf(takenAtMillis)}
          entries={commits}
          keyOf={({ group }) => group}
          searchText={({ group }) => group}
          empty="No group."
          rowTone={({ unclaimed: names }) => (names.length > 0 ? 'warn' : undefined)}
        />
      </Card>
    </>
  );
}

const guarantees: Readonly<Record<Output['guarantee'], { readonly tone: Tone; readonly text: string }>> = {
  exactlyOnce: { tone: 'good', text: 'exactly once' },
  atLeastOnce: { tone: 'calm', text: 'at least once' },
  none: { tone: 'warn', text: 'none' },
};

/** A program has a few outputs, and why is a sentence: it is shown whole, which rows of a table cannot. */
function Guarantees({ outputs }: { readonly outputs: readonly Output[] }): JSX.Element {
  if (outputs.length === 0) return <p class="outputs muted">The program has no output.</p>;
  return (
    <ul class="outputs" aria-label="Guarantees of outputs">
      {outputs.map(({ output, guarantee, reason }) => (
        <li key={output}>
          <b>{output}</b> <Badge tone={guarantees[guarantee].tone}>{guarantees[guarantee].text}</Badge>
          <div class="muted">{reason}</div>
        </li>
      ))}
    </ul>
  );
}

function columnsOf(nowMillis: number): readonly Column<CommitView>[] {
  return [
    { title: 'Group', cell: ({ group }) => <b>{group}</b>, sortBy: ({ group }) => group },
    {
      title: 'Committed batch',
      isNumber: true,
      cell: ({ batchId }) => batchId ?? '–',
      sortBy: ({ batchId }) => batchId ?? -1,
    },
    {
      title: 'Batch time',
      cell: ({ batchTimeMillis }) => moment(batchTimeMillis),
      sortBy: ({ batchTimeMillis }) => batchTimeMillis ?? 0,
    },
    {
      title: 'Committed',
      isNumber: true,
      cell: ({ committedAtMillis }) => ago(committedAtMillis, nowMillis),
      sortBy: ({ committedAtMillis }) => committedAtMillis ?? 0,
    },
    {
      title: 'In work',
      hint: 'The batch whose commit order is under way, and the last step of it that is done',
      cell: ({ stepBatchId, step }) =>
        step === null ? (
          '–'
        ) : (
          <>
            {stepBatchId} <Badge tone="calm">{step}</Badge>
          </>
        ),
    },
    {
      title: 'Refused ranges',
      isNumber: true,
      cell: ({ refusedRanges }) => count(refusedRanges),
      sortBy: ({ refusedRanges }) => refusedRanges,
    },
    {
      title: 'Unclaimed state',
      isWide: true,
      hint: 'State of operators that the program has no more',
      cell: ({ unclaimed }) => (unclaimed.length === 0 ? <span class="muted">none</span> : unclaimed.join(', ')),
    },
  ];
}
