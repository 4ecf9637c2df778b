import { describe, expect, it } from 'vitest';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { alertChanges, alertsOf } from '../../lib/monitor/alerts.ts';
import { liveness, readiness, scalingSignal } from '../../lib/monitor/health/health.ts';
import { prometheusText } from '../../lib/monitor/metrics/prometheus.ts';
import { SnapshotFold } from '../../lib/monitor/snapshot/fold.ts';
import type { Snapshot } from '../../lib/monitor/snapshot/snapshot.ts';

const origin = { receiverId: 0, streamName: 'orders', workerIdentifier: 'w-1' };
const started = {
  type: 'worker.started',
  workerIdentifier: 'w-1',
  applicationName: 'a',
  retentionMillis: 100_000,
} as const;
const gained = { type: 'lease.gained', leaseKey: 's', tenure: 1, checkpoint: '1:0' } as const;
const stuck = { type: 'batch.stuck', shardId: 's', attempts: 3, ageMillis: 5, message: 'bad "record"\n' } as const;
const read = (millisBehindLatest: number) =>
  ({ type: 'shard.read', shardId: 's', records: 1, bytes: 2, millisBehindLatest }) as const;
const sealed = { type: 'block.sealed', shardId: 's', records: 1, bytes: 2, through: '9:0' } as const;

function after(events: readonly MillraceEvent[], nowMillis = 1_000): Snapshot {
  const fold = new SnapshotFold({ startedAtMillis: 0, location: 'h', receivers: [origin] });
  for (const event of events) fold.add(event, 1_000, origin);
  return fold.snapshot(nowMillis);
}

const names = (snapshot: Snapshot) => alertsOf(snapshot, { standbyWorkers: 1 }).map(({ alert }) => alert);

describe('alerts', () => {
  it.each<[string, readonly MillraceEvent[], number]>([
    ['iteratorAge', [started, gained, read(50_000)], 1_000],
    ['stuckBatch', [started, gained, stuck], 1_000],
    ['staleCheckpoint', [started, gained, sealed], 601_000],
    [
      'leaseChurn',
      Array.from({ length: 10 }, () => ({ type: 'lease.lost', leaseKey: 's', tenure: 1, reason: 'taken' }) as const),
      1_000,
    ],
    ['noStandby', [started, { type: 'leader.elected', workerIdentifier: 'w-1' }], 1_000],
    [
      'receiverErrors',
      [started, { type: 'receiver.restarting', code: 'MR_X', message: 'm', restart: 1, delayMillis: 1 }],
      1_000,
    ],
    ['totalDelay', [{ type: 'batch.submitted', group: 'g', batchTimeMillis: 1_000, records: 1, blocks: 1 }], 11_000],
  ])('%s is raised by its cause alone', (alert, events, nowMillis) => {
    expect(names(after(events, nowMillis))).toEqual([alert]);
  });

  it('are not raised just below their thresholds, nor for a shard that is idle', () => {
    expect(names(after([started, gained, read(49_999), { ...stuck, attempts: 2 }, sealed], 600_999))).toEqual([]);
    expect(names(after([started, gained], 9_000_000))).toEqual([]);
  });

  it('are told when they begin and when they end, not in between', () => {
    const standing = alertsOf(after([started, gained, stuck]));
    expect(alertChanges([], standing).map(({ type }) => type)).toEqual(['alert.raised']);
    expect(alertChanges(standing, standing)).toEqual([]);
    expect(alertChanges(standing, [])).toEqual([{ type: 'alert.cleared', alert: 'stuckBatch', subject: 'orders:s' }]);
  });

  it('end for a shard that another worker has taken', () => {
    const lost = { type: 'lease.lost', leaseKey: 's', tenure: 1, reason: 'taken' } as const;
    expect(names(after([started, gained, stuck, read(90_000), lost]))).toEqual([]);
  });
});

describe('health', () => {
  it('is ready with a lease, and says why not otherwise', () => {
    expect(readiness(after([]))).toEqual({ ok: false, reasons: ['starting'] });
    expect(readiness(after([started]))).toEqual({ ok: false, reasons: ['noLease'] });
    expect(readiness(after([started, gained]))).toEqual({ ok: true, reasons: [] });
    expect(readiness(after([started, gained, stuck]))).toEqual({ ok: false, reasons: ['batchStuck'] });
    const draining = {
      type: 'worker.draining',
      workerIdentifier: 'w-1',
      shards: ['s'],
      blocks: 1,
      forMillis: 5,
    } as const;
    expect(readiness(after([started, gained, draining])).reasons).toEqual(['draining']);
  });

  it('is live until the run is over', () => {
    expect(liveness(after([])).ok).toBe(true);
    expect(liveness(after([started, gained, stuck])).ok).toBe(true);
    const over = { type: 'worker.stopped', workerIdentifier: 'w-1' } as const;
    expect(liveness(after([started, over]))).toEqual({ ok: false, reasons: ['stopped'] });
  });

  it('tells an autoscaler the worst lag', () => {
    const { maxMillisBehindLatest, engineUtilization, shards } = scalingSignal(after([started, gained, read(700)]));
    expect([maxMillisBehindLatest, engineUtilization, shards]).toEqual([700, null, 1]);
  });
});

describe("Prometheus' text", () => {
  it('has help, type and value of each metric, and escapes labels', () => {
    const fold = new SnapshotFold({
      startedAtMillis: 0,
      location: 'h',
      receivers: [{ ...origin, streamName: 'a"b\\c\nd' }],
    });
    fold.add(started, 1_000, origin);
    const text = prometheusText(fold.snapshot(1_000));
    expect(text).toContain('# TYPE millrace_records_read_total counter\nmillrace_records_read_total 0\n');
    expect(text).toContain('stream="a\\"b\\\\c\\nd"');
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(# (HELP|TYPE) millrace_\w+ .+|millrace_\w+(\{\w+="([^"\\]|\\.)*"(,\w+="([^"\\]|\\.)*")*\})? -?[\d.e+-]+)$/,
      );
    }
  });

  it('keeps the number of series bounded, the shards furthest behind first', () => {
    const fold = new SnapshotFold({ startedAtMillis: 0, location: 'h', receivers: [origin] });
    for (let index = 0; index < 700; index += 1) {
      fold.add({ ...gained, leaseKey: `s${index}` }, 1_000, origin);
      fold.add({ ...read(index), shardId: `s${index}` }, 1_000, origin);
    }
    const lines = prometheusText(fold.snapshot(1_000))
      .split('\n')
      .filter((line) => line.startsWith('millrace_shard_millis'));
    expect(lines).toHaveLength(500);
    expect(lines[0]).toContain('shard="s699"} 699');
  });
});
