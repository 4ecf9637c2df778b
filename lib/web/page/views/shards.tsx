import type { JSX } from 'preact';
import type { ShardView } from '../../../monitor/snapshot/snapshot.ts';
import type { PageState } from '../../page-state.ts';
import { ago, bytes, count, duration, moment, rate } from '../format.ts';
import { Lineage } from '../lineage-picture.tsx';
import { Card, Facts, Placeholder, Tile } from '../parts.tsx';
import { addressOf } from '../route.ts';
import { Table } from '../table.tsx';
import { keyOf, shardColumns } from './shard-columns.tsx';

/** The shards of this process: where they came from, how far they are, what they bring. */
export function ShardsView({
  state,
  subject,
}: {
  readonly state: PageState;
  readonly subject: string | undefined;
}): JSX.Element {
  const { shards, takenAtMillis } = state;
  if (shards.length === 0) {
    return (
      <Placeholder title="No shard is held">
        This worker stands by: other workers hold all shards, or the program reads no Kinesis stream.
      </Placeholder>
    );
  }
  const open = shards.find((shard) => keyOf(shard) === subject);
  return (
    <>
      <Tiles state={state} />
      {open !== undefined && <ShardCard shard={open} nowMillis={takenAtMillis} />}
      {subject !== undefined && open === undefined && (
        <p class="notice">This worker does not know the shard {subject}.</p>
      )}
      <Card title="Lineage" aside="parents to children, as far as this worker knows">
        <Lineage shards={shards} chosen={subject} />
      </Card>
      <Card title={`Shards (${count(shards.length)})`}>
        <Table
          label="Shards"
          columns={shardColumns(takenAtMillis, new Set(shards.map(({ streamName }) => streamName)).size > 1)}
          entries={shards}
          keyOf={keyOf}
          searchText={({ shardId, streamName, owner, state: phase }) =>
            `${shardId} ${streamName} ${owner ?? ''} ${phase}`
          }
          onOpen={(shard) => {
            location.hash = addressOf('shards', keyOf(shard));
          }}
          rowTone={(shard) => (shard.stuck === null ? undefined : 'bad')}
          empty="No shard of that text."
          visibleRows={18}
        />
      </Card>
    </>
  );
}

function Tiles({ state: { shards, totals } }: { readonly state: PageState }): JSX.Element {
  const held = shards.filter(({ owner }) => owner !== null);
  const sum = (valueOf: (shard: ShardView) => number) => held.reduce((total, shard) => total + valueOf(shard), 0);
  const behind = held.filter(({ millisBehindLatest }) => (millisBehindLatest ?? 0) > 10_000).length;
  return (
    <div class="tiles">
      <Tile
        title="Shards held"
        value={count(held.length)}
        detail={`${count(shards.length - held.length)} held before`}
      />
      <Tile
        title="Records"
        value={`${rate(sum(({ recordsPerSecond }) => recordsPerSecond))}/s`}
        detail="over the last minute"
      />
      <Tile
        title="Data"
        value={`${bytes(sum(({ bytesPerSecond }) => bytesPerSecond))}/s`}
        detail="over the last minute"
      />
      <Tile
        title="Reads"
        value={`${rate(sum(({ readsPerSecond }) => readsPerSecond))}/s`}
        detail={`${count(totals.reads)} in all`}
      />
      <Tile title="Behind by over 10 s" value={count(behind)} detail="shards" tone={behind > 0 ? 'warn' : undefined} />
      <Tile title="Throttled reads" value={count(totals.throttles)} tone={totals.throttles > 0 ? 'warn' : undefined} />
    </div>
  );
}

function ShardCard({ shard, nowMillis }: { readonly shard: ShardView; readonly nowMillis: number }): JSX.Element {
  const { stuck, lastError } = shard;
  const close = <a href={addressOf('shards')}>Close</a>;
  const names = (ids: readonly string[]) => (ids.length === 0 ? 'none known' : ids.join(', '));
  return (
    <Card title={shard.shardId} aside={close}>
      <Facts
        facts={[
          ['Stream', shard.streamName],
          ['State', shard.state],
          ['Owner', shard.owner ?? 'given up by this worker'],
          ['Tenure', shard.tenure ?? '–'],
          ['Behind the tip', duration(shard.millisBehindLatest)],
          ['Last read', ago(shard.lastReadAtMillis, nowMillis)],
          ['Records', `${count(shard.records)} (${rate(shard.recordsPerSecond)}/s)`],
          ['Data', `${bytes(shard.bytes)} (${bytes(shard.bytesPerSecond)}/s)`],
          ['Reads', `${count(shard.reads)} (${rate(shard.readsPerSecond)}/s)`],
          [
            'Throttled',
            shard.throttles === 0
              ? 'never'
              : `${count(shard.throttles)}, last ${ago(shard.lastThrottledAtMillis, nowMillis)}`,
          ],
          ['Parents', names(shard.parents)],
          ['Children', names(shard.children)],
          ['Checkpoint', <code key="checkpoint">{shard.position ?? '–'}</code>],
          ['Written at', moment(shard.positionAtMillis)],
          ['Read through', <code key="through">{shard.readThrough ?? '–'}</code>],
        ]}
      />
      {stuck !== null && (
        <pre class="error-box">{`Failing for ${duration(nowMillis - stuck.sinceMillis)}, ${stuck.attempts} attempts, oldest record ${duration(stuck.ageMillis)} old\n${stuck.message}`}</pre>
      )}
      {stuck === null && lastError !== null && (
        <pre class="error-box">{`${moment(lastError.atMillis)} ${lastError.code ?? ''}\n${lastError.message}`}</pre>
      )}
    </Card>
  );
}
