import type { KeeperRequest } from './keeper-messages.ts';
import { type Fence, type LeaseWrite, type RenewExtras, checkpointLease, prepareCheckpoint } from './lease-write.ts';

/** The write that a request for a held lease asks for; it carries the load of the lease, as every heartbeat may. */
export function requestedWrite(
  request: Extract<KeeperRequest, { type: 'checkpoint' | 'prepare' }>,
  fence: Fence,
  load: RenewExtras,
): LeaseWrite {
  if (request.type === 'prepare') return prepareCheckpoint(fence, request.pendingCheckpoint, request.state, load);
  const { checkpoint, engineState, caughtUpAtMillis } = request;
  return checkpointLease(fence, checkpoint, {
    ...load,
    ...(engineState === undefined ? {} : { engineState }),
    ...(caughtUpAtMillis === undefined ? {} : { caughtUpAtMillis }),
  });
}
