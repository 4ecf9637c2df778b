import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { logEvents } from '../../lib/monitor/log-events.ts';
import { type LogLevel, jsonLogger } from '../../lib/monitor/log.ts';

function capture(level?: LogLevel) {
  const lines: string[] = [];
  const logger = jsonLogger({
    write: (line) => lines.push(line),
    wallMillis: () => Date.UTC(2026, 0, 1),
    ...(level === undefined ? {} : { level }),
  });
  return { lines, logger };
}

describe('the default logger', () => {
  it('writes one JSON object a line, from level warn', () => {
    const { lines, logger } = capture();
    logger.debug({}, 'no');
    logger.info({}, 'no');
    logger.warn({ shardId: 'shardId-0' }, 'slow');
    logger.error({ time: 'mine', attempts: 3n }, 'broken');
    expect(lines).toEqual([
      '{"time":"2026-01-01T00:00:00.000Z","level":"warn","msg":"slow","shardId":"shardId-0"}\n',
      '{"time":"2026-01-01T00:00:00.000Z","level":"error","msg":"broken","attempts":"3"}\n',
    ]);
  });

  it('writes all levels when told to', () => {
    const { lines, logger } = capture('debug');
    logger.debug({}, 'yes');
    expect(lines.length).toBe(1);
  });

  it('writes errors with their code and message, without their stack', () => {
    const { lines, logger } = capture();
    logger.error({ err: new MillraceError('MR_THROTTLED', 'slow down') }, 'x');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      err: { name: 'MillraceError', code: 'MR_THROTTLED', message: 'MR_THROTTLED: slow down' },
    });
    expect(lines[0]).not.toContain('log.spec');
  });

  it('keeps a line one line, and never throws', () => {
    const { lines, logger } = capture();
    logger.error({ shardId: 'a\nb\u001b[2J\u009b' }, 'x\ny');
    expect(lines[0]).toContain('"x\\ny"');
    expect(lines[0]).toContain('a\\nb\\u001b[2J\\u009b');
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    logger.error({ cycle }, 'round');
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ msg: 'round', level: 'error' });
  });
});

describe('the log of events', () => {
  it('has the event, its fields and the level of its kind, and ends when told to', () => {
    const { lines, logger } = capture('debug');
    const bus = new EventBus();
    const end = logEvents(bus, logger);
    bus.publish({ type: 'shard.throttled', shardId: 'shardId-0', delayMillis: 500 });
    bus.publish({ type: 'lease.lost', leaseKey: 'shardId-0', tenure: 3, reason: 'taken' });
    bus.publish({ type: 'lease.lost', leaseKey: 'shardId-0', tenure: 3, reason: 'released' });
    bus.publish({ type: 'worker.stopped', workerIdentifier: 'w' });
    end();
    bus.publish({ type: 'worker.stopped', workerIdentifier: 'w' });
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'warn', event: 'shard.throttled', shardId: 'shardId-0', delayMillis: 500 },
      { level: 'warn', event: 'lease.lost', reason: 'taken' },
      { level: 'info', event: 'lease.lost', reason: 'released' },
      { level: 'info', event: 'worker.stopped', msg: 'worker stopped' },
    ]);
    expect(lines.length).toBe(4);
  });
});
