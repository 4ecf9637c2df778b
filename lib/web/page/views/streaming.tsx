import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Distribution, ReceiverView } from '../../../monitor/snapshot/snapshot.ts';
import type { PageState } from '../../page-state.ts';
import { BatchTables } from '../batch-tables.tsx';
import { Chart } from '../chart.tsx';
import { clock, count, duration, moment, rate } from '../format.ts';
import { Badge, Card, ErrorText, Placeholder, Tile, type Tone } from '../parts.tsx';
import { type Column, Table } from '../table.tsx';
import { inputRates, seriesOf } from '../series.ts';

/** The talk's Streaming page, with the timelines and histograms of the later one. */
export function StreamingView({ state, theme }: { readonly state: PageState; readonly theme: string }): JSX.Element {
  const { application, receivers, statistics, counts } = state;
  const interval = application.batchIntervalMillis;
  const isEngine = interval !== null || counts.completedBatches > 0;
  if (receivers.length === 0 && !isEngine) {
    return (
      <Placeholder title="Nothing is being read">
        Receivers and batches are shown by the page of a worker that runs them.
      </Placeholder>
    );
  }
  return (
    <>
      <Summary state={state} />
      <Tiles state={state} />
      <Charts state={state} theme={theme} />
      <Receivers state={state} />
      {isEngine && (
        <Card
          title="Batch Processing Statistics"
          aside={statistics === null ? undefined : `over the last ${count(statistics.batches)} completed batches`}
        >
          <StatisticsTable statistics={statistics} />
        </Card>
      )}
      {isEngine && <BatchTables state={state} />}
    </>
  );
}

/** Spark's own sentence. */
function Summary({
  state: { application, counts, takenAtMillis, totals },
}: {
  readonly state: PageState;
}): JSX.Element {
  const { batchIntervalMillis: interval, startedAtMillis } = application;
  const running = duration(Math.floor((takenAtMillis - startedAtMillis) / 1_000) * 1_000);
  return (
    <p class="summary">
      {interval === null ? (
        'Reading'
      ) : (
        <>
          Running batches of <b>{duration(interval)}</b>
        </>
      )}{' '}
      for <b>{running}</b> since <b>{moment(startedAtMillis)}</b>
      {interval === null ? (
        <> ({count(totals.recordsRead)} records)</>
      ) : (
        <>
          {' '}
          (<b>{count(counts.completedBatches)}</b> completed batches, <b>{count(counts.batchRecords)}</b> records)
        </>
      )}
      {application.scope !== null && (
        <span class="muted">
          {' '}
          · {application.scope} scope: {application.scopeReason}
        </span>
      )}
    </p>
  );
}

function Tiles({ state }: { readonly state: PageState }): JSX.Element {
  const { application, receivers, activeBatches, statistics, shards, counts } = state;
  const interval = application.batchIntervalMillis;
  const held = shards.filter(({ owner }) => owner !== null);
  const lag = held.reduce<number | null>(
    (most, { millisBehindLatest: own }) => (own === null ? most : Math.max(most ?? 0, own)),
    null,
  );
  const waiting = activeBatches.filter(({ status }) => status === 'QUEUED').length;
  const utilisation = interval === null || statistics === null ? null : statistics.processingTime.mean / interval;
  return (
    <div class="tiles">
      <Tile
        title="Records read"
        value={count(state.totals.recordsRead)}
        detail={`${rate(held.reduce((sum, { recordsPerSecond }) => sum + recordsPerSecond, 0))}/s over the last minute`}
      />
      <Tile
        title="Network receivers"
        value={`${receivers.filter(({ status }) => status === 'ACTIVE').length} of ${receivers.length}`}
        detail={`${count(held.length)} shards`}
        tone={receivers.some(({ status }) => status === 'RESTARTING') ? 'bad' : undefined}
      />
      <Tile
        title="Behind the tip"
        value={duration(lag)}
        detail="furthest shard"
        tone={lag !== null && lag > 60_000 ? 'warn' : undefined}
      />
      {interval !== null && (
        <>
          <Tile
            title="Waiting batches"
            value={count(waiting)}
            detail={`${activeBatches.length - waiting} in work`}
            tone={waiting > 3 ? 'warn' : undefined}
          />
          <Tile
            title="Utilisation"
            value={utilisation === null ? '–' : `${Math.round(utilisation * 100)} %`}
            detail="processing time of the interval"
            tone={utilisationTone(utilisation)}
          />
          <Tile
            title="Failed batches"
            value={count(counts.failedBatches)}
            detail={`${count(counts.completedBatches)} completed`}
            tone={counts.failedBatches > 0 ? 'bad' : undefined}
          />
        </>
      )}
      {interval === null && (
        <>
          <Tile
            title="Checkpoints"
            value={count(state.totals.checkpoints)}
            detail={`${count(state.totals.reads)} reads`}
          />
          <Tile
            title="Throttled reads"
            value={count(state.totals.throttles)}
            tone={state.totals.throttles > 0 ? 'warn' : undefined}
          />
        </>
      )}
    </div>
  );
}

function utilisationTone(utilisation: number | null): Tone | undefined {
  if (utilisation === null || utilisation < 0.8) return undefined;
  return utilisation < 1 ? 'warn' : 'bad';
}

function Charts({ state, theme }: { readonly state: PageState; readonly theme: string }): JSX.Element {
  const input = useMemo(() => inputRates(state.receivers), [state.receivers]);
  const series = useMemo(() => seriesOf(state.completedBatches), [state.completedBatches]);
  const interval = state.application.batchIntervalMillis;
  const mark = interval === null ? undefined : { value: interval, title: `batch interval ${duration(interval)}` };
  return (
    <Card
      title="Timelines and histograms"
      aside={mark === undefined ? undefined : <span class="legend">dashed: {mark.title}</span>}
    >
      <Chart title="Input rate" times={input.times} values={input.values} format={perSecond} theme={theme} />
      {series.times.length > 0 && (
        <>
          <Chart
            title="Scheduling delay"
            times={series.times}
            values={series.schedulingDelay}
            format={duration}
            theme={theme}
          />
          <Chart
            title="Processing time"
            times={series.times}
            values={series.processingTime}
            format={duration}
            theme={theme}
            mark={mark}
          />
          <Chart title="Total delay" times={series.times} values={series.totalDelay} format={duration} theme={theme} />
          <Chart
            title="Records per batch"
            times={series.times}
            values={series.records}
            format={count}
            theme={theme}
            isBars
          />
        </>
      )}
    </Card>
  );
}

const perSecond = (value: number) => `${rate(value)}/s`;

const receiverTones: Readonly<Record<ReceiverView['status'], Tone>> = {
  INITIALIZING: 'calm',
  ACTIVE: 'good',
  RESTARTING: 'bad',
  DRAINING: 'warn',
  STOPPED: 'calm',
};

function Receivers({ state: { receivers } }: { readonly state: PageState }): JSX.Element {
  const last = receivers.reduce<number | null>(
    (newest, { lastBatchAtMillis: own }) => (own === null ? newest : Math.max(newest ?? 0, own)),
    null,
  );
  const columns: readonly Column<ReceiverView>[] = [
    {
      title: 'Receiver',
      cell: ({ name, streamName }) => (
        <>
          <b>{name}</b> <span class="muted">{streamName}</span>
        </>
      ),
    },
    { title: 'Status', cell: ({ status }) => <Badge tone={receiverTones[status]}>{status}</Badge> },
    { title: 'Location', cell: ({ location }) => location },
    { title: 'Shards', isNumber: true, cell: ({ shards }) => (shards === 0 ? 'idle standby' : count(shards)) },
    {
      title: `Records in last batch [${last === null ? '–' : clock(last)}]`,
      isNumber: true,
      cell: ({ recordsInLastBatch }) => count(recordsInLastBatch),
    },
    { title: 'Minimum rate [records/sec]', isNumber: true, cell: ({ rate: one }) => rate(one?.min) },
    { title: 'Median rate [records/sec]', isNumber: true, cell: ({ rate: one }) => rate(one?.median) },
    { title: 'Maximum rate [records/sec]', isNumber: true, cell: ({ rate: one }) => rate(one?.max) },
    { title: 'Last Error', isWide: true, cell: ({ lastError }) => <ErrorText text={lastError?.message} /> },
  ];
  return (
    <Card title="Receiver Statistics">
      <Table
        label="Receivers"
        columns={columns}
        entries={receivers}
        keyOf={({ receiverId }) => `${receiverId}`}
        empty="No receiver has started."
      />
    </Card>
  );
}

function StatisticsTable({ statistics }: { readonly statistics: PageState['statistics'] }): JSX.Element {
  const rows: readonly { readonly title: string; readonly of: Distribution | undefined }[] = [
    { title: 'Processing Time', of: statistics?.processingTime },
    { title: 'Scheduling Delay', of: statistics?.schedulingDelay },
    { title: 'Total Delay', of: statistics?.totalDelay },
  ];
  const figure = (title: string, valueOf: (of: Distribution) => number): Column<(typeof rows)[number]> => ({
    title,
    isNumber: true,
    cell: ({ of }) => (of === undefined ? '–' : duration(valueOf(of))),
  });
  const columns = [
    { title: 'Metric', cell: ({ title }: (typeof rows)[number]) => <b>{title}</b> },
    figure('Last batch', ({ last }) => last),
    figure('Minimum', ({ min }) => min),
    figure('25th percentile', ({ p25 }) => p25),
    figure('Median', ({ median }) => median),
    figure('75th percentile', ({ p75 }) => p75),
    figure('Maximum', ({ max }) => max),
  ];
  return (
    <Table label="Batch processing statistics" columns={columns} entries={rows} keyOf={({ title }) => title} empty="" />
  );
}
