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
  heartbeatIsolation: word({ brief: 'Where heartbeats run; only inline in this version.', defaultText: 'inline' }, [
    'inline',
  ]),
};
