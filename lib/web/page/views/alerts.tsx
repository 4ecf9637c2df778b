import type { JSX } from 'preact';
import type { AlertName, AlertView } from '../../../monitor/snapshot/snapshot.ts';
import type { PageState } from '../../page-state.ts';
import { ago, count, duration, moment } from '../format.ts';
import { Badge, Card, Placeholder } from '../parts.tsx';
import { type Column, Table } from '../table.tsx';

/** What each alert is called, and whether its figures are times. */
const kinds: Readonly<Record<AlertName, { readonly title: string; readonly isTime: boolean }>> = {
  totalDelay: { title: 'Batches are late', isTime: true },
  receiverErrors: { title: 'Receiver fails', isTime: false },
  iteratorAge: { title: 'Far behind the tip', isTime: true },
  stuckBatch: { title: 'Records fail again and again', isTime: false },
  staleCheckpoint: { title: 'Checkpoint stands still', isTime: true },
  leaseChurn: { title: 'Leases are lost often', isTime: false },
  noStandby: { title: 'Too few workers', isTime: false },
};

/** What is wrong now. */
export function AlertsView({ state }: { readonly state: PageState }): JSX.Element {
  const { alerts, takenAtMillis } = state;
  if (alerts.length === 0) {
    return (
      <Placeholder title="Nothing is wrong">
        Looked for every 5 s: late batches, failing receivers, lag, stuck records, stale checkpoints, lost leases,
        missing workers.
      </Placeholder>
    );
  }
  return (
    <Card title={`Alerts (${count(alerts.length)})`}>
      <Table
        label="Alerts"
        columns={columnsOf(takenAtMillis)}
        entries={alerts}
        keyOf={({ alert, subject }) => `${alert} ${subject}`}
        searchText={({ alert, subject, message }) => `${alert} ${kinds[alert].title} ${subject} ${message}`}
        rowTone={() => 'bad'}
        empty="No alert of that text."
      />
    </Card>
  );
}

function columnsOf(nowMillis: number): readonly Column<AlertView>[] {
  const figure = ({ alert }: AlertView, value: number) => (kinds[alert].isTime ? duration(value) : count(value));
  return [
    {
      title: 'Alert',
      cell: ({ alert }) => (
        <>
          <Badge tone="bad">{kinds[alert].title}</Badge> <span class="muted">{alert}</span>
        </>
      ),
      sortBy: ({ alert }) => alert,
    },
    {
      title: 'Subject',
      cell: ({ subject }) => (subject === '' ? 'the process' : subject),
      sortBy: ({ subject }) => subject,
    },
    {
      title: 'Since',
      cell: ({ sinceMillis }) => <span title={moment(sinceMillis)}>{ago(sinceMillis, nowMillis)}</span>,
      sortBy: ({ sinceMillis }) => sinceMillis,
    },
    { title: 'Value', isNumber: true, cell: (alert) => figure(alert, alert.value), sortBy: ({ value }) => value },
    { title: 'Threshold', isNumber: true, cell: (alert) => figure(alert, alert.threshold) },
    { title: 'Message', isWide: true, cell: ({ message }) => message },
  ];
}
