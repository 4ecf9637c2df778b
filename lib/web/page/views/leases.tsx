import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { LeaseMove, LeaseView } from '../../../monitor/snapshot/snapshot.ts';
import type { PageState } from '../../page-state.ts';
import { ago, clock, count, shortPosition } from '../format.ts';
import { Badge, Card, Facts, Placeholder, type Tone } from '../parts.tsx';
import { addressOf } from '../route.ts';
import { type Column, Table } from '../table.tsx';

/** Who owns what, and what moves. */
export function LeasesView({ state }: { readonly state: PageState }): JSX.Element {
  const { leases, moves, application, totals, takenAtMillis } = state;
  if (leases.length === 0 && moves.length === 0) {
    return (
      <Placeholder title="No lease is known">
        The worker has not taken a lease yet, or the program reads no Kinesis stream.
      </Placeholder>
    );
  }
  return (
    <>
      <Card
        title="Owners"
        aside={application.isLeader ? <Badge tone="good">this worker leads</Badge> : 'seen by this worker'}
      >
        <Owners leases={leases} />
        <Facts
          facts={[
            ['Leases known', count(leases.length)],
            ['Moving now', count(leases.filter(({ movingTo }) => movingTo !== null).length)],
            ['Gained', count(totals.leasesGained)],
            ['Released', count(totals.leasesReleased)],
            ['Lost', count(totals.leasesLost)],
            ['Other workers', application.isLeader ? count(application.otherWorkers.length) : 'known to the leader'],
          ]}
        />
      </Card>
      <Card title="Leases">
        <Table
          label="Leases"
          columns={leaseColumns(takenAtMillis)}
          entries={leases}
          keyOf={({ streamName, leaseKey }) => `${streamName} ${leaseKey}`}
          searchText={({ leaseKey, owner, streamName, movingTo }) =>
            `${leaseKey} ${streamName} ${owner ?? ''} ${movingTo ?? ''}`
          }
          rowTone={({ movingTo }) => (movingTo === null ? undefined : 'warn')}
          empty="No lease of that text."
        />
      </Card>
      <Card title="Moves" aside={`the last ${count(moves.length)}, newest first`}>
        <Table
          label="Moves"
          columns={moveColumns}
          entries={moves}
          keyOf={moveKey}
          empty="No lease has moved."
          visibleRows={12}
        />
      </Card>
    </>
  );
}

/** The most owners that have a bar of their own. */
const shownOwners = 12;

function Owners({ leases }: { readonly leases: readonly LeaseView[] }): JSX.Element {
  const owners = useMemo(() => countOwners(leases), [leases]);
  const most = owners.reduce((max, { leases: number }) => Math.max(max, number), 1);
  const rest = owners.length - shownOwners;
  return (
    <ul class="bars" aria-label="Leases by owner">
      {owners.slice(0, shownOwners).map(({ owner, leases: number, isMine }) => (
        <li key={owner ?? ''}>
          <span class="bar-name">
            {owner ?? <span class="muted">nobody, or not known</span>}{' '}
            {isMine && <Badge tone="good">this worker</Badge>}
          </span>
          <span class="bar-track">
            <span
              class={`bar-fill ${owner === null ? 'bar-none' : ''}`}
              style={{ width: `${(number / most) * 100}%` }}
            />
          </span>
          <span class="bar-value">{count(number)}</span>
        </li>
      ))}
      {rest > 0 && <li class="muted">and {count(rest)} more owners</li>}
    </ul>
  );
}

function countOwners(leases: readonly LeaseView[]): { owner: string | null; leases: number; isMine: boolean }[] {
  const owners = new Map<string | null, { owner: string | null; leases: number; isMine: boolean }>();
  for (const { owner, isMine } of leases) {
    const known = owners.get(owner) ?? { owner, leases: 0, isMine };
    known.leases += 1;
    owners.set(owner, known);
  }
  return Array.from(owners.values()).toSorted((a, b) => b.leases - a.leases);
}

function leaseColumns(nowMillis: number): readonly Column<LeaseView>[] {
  return [
    {
      title: 'Lease',
      cell: ({ streamName, leaseKey }) => <a href={addressOf('shards', `${streamName} ${leaseKey}`)}>{leaseKey}</a>,
      sortBy: ({ leaseKey }) => leaseKey,
    },
    { title: 'Stream', cell: ({ streamName }) => streamName, sortBy: ({ streamName }) => streamName },
    {
      title: 'Owner',
      cell: ({ owner, isMine }) => (
        <>
          {owner ?? <span class="muted">–</span>} {isMine && <Badge tone="good">mine</Badge>}
        </>
      ),
      sortBy: ({ owner }) => owner ?? '',
    },
    {
      title: 'Moving to',
      cell: ({ movingTo }) => (movingTo === null ? '' : <Badge tone="warn">→ {movingTo}</Badge>),
      sortBy: ({ movingTo }) => movingTo ?? '',
    },
    { title: 'Tenure', isNumber: true, cell: ({ tenure }) => tenure ?? '–', sortBy: ({ tenure }) => tenure ?? -1 },
    {
      title: 'Checkpoint',
      cell: ({ checkpoint }) => <code title={checkpoint ?? undefined}>{shortPosition(checkpoint)}</code>,
    },
    {
      title: 'Changed',
      isNumber: true,
      isWide: true,
      cell: ({ sinceMillis }) => ago(sinceMillis, nowMillis),
      sortBy: ({ sinceMillis }) => sinceMillis,
    },
  ];
}

const moveTones: Readonly<Record<LeaseMove['kind'], Tone>> = {
  created: 'calm',
  assigned: 'calm',
  handoff: 'warn',
  gained: 'good',
  released: 'calm',
  lost: 'bad',
  deleted: 'calm',
};

const moveColumns: readonly Column<LeaseMove>[] = [
  { title: 'At', cell: ({ atMillis }) => clock(atMillis, true) },
  { title: 'What', cell: ({ kind }) => <Badge tone={moveTones[kind]}>{kind}</Badge> },
  { title: 'Lease', cell: ({ leaseKey }) => leaseKey },
  { title: 'From', cell: ({ from }) => from ?? <span class="muted">–</span> },
  { title: 'To', cell: ({ to }) => to ?? <span class="muted">–</span> },
  { title: 'Why', isWide: true, cell: ({ reason }) => reason ?? '' },
];

function moveKey({ atMillis, leaseKey, kind, to }: LeaseMove): string {
  return `${atMillis} ${leaseKey} ${kind} ${to ?? ''}`;
}
