import { millis, word } from './option-kinds.ts';

/** How leases are kept and shared out. */
export const leaseOptions = {
  failoverTimeMillis: millis(
    { brief: 'How long a lease lives without renewal, milliseconds.', defaultText: '10000' },
    1_000,
  ),
  leaseDiscoveryIntervalMillis: millis(
    { brief: 'How often new leases are looked for, milliseconds.', defaultText: '1000' },
    100,
  ),
  checkpointIntervalMillis: millis(
    {
      brief: 'How often finished positions are stored, milliseconds.',
      defaultText: 'a third of the failover time',
    },
    100,
  ),
  heartbeatIsolation: word(
    { brief: 'Where heartbeats run: in a thread of their own, or in the main one.', defaultText: 'thread' },
    ['thread', 'inline'],
  ),
  onStall: word(
    {
      brief:
        'What is done about a shard on whose records work, or a main thread, stands still: its leases are given up, or it is only told.',
      defaultText: 'RELEASE',
    },
    ['RELEASE', 'WARN'],
  ),
  stalledAfterMillis: millis(
    {
      brief:
        'How long work on records (a handler, an engine, a block that is not acked) or the main thread may not come back before it counts as stalled, milliseconds.',
      defaultText: '300000',
    },
    1_000,
  ),
};
