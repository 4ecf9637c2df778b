package software.amazon.kinesis.coordinator;

import software.amazon.kinesis.checkpoint.CheckpointConfig;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.leases.exceptions.DependencyException;
import software.amazon.kinesis.leases.exceptions.InvalidStateException;
import software.amazon.kinesis.leases.exceptions.ProvisionedThroughputException;
import software.amazon.kinesis.lifecycle.LifecycleConfig;
import software.amazon.kinesis.metrics.MetricsConfig;
import software.amazon.kinesis.processor.ProcessorConfig;
import software.amazon.kinesis.retrieval.RetrievalConfig;

/**
 * KCL's scheduler without its wait of 1 to 30 random seconds before it looks whether the lease table is still empty.
 * That wait only keeps many workers of a new application from making the same leases at the same moment.
 */
public final class PromptScheduler extends Scheduler {
    public PromptScheduler(
            final CheckpointConfig checkpoint,
            final CoordinatorConfig coordinator,
            final LeaseManagementConfig leases,
            final LifecycleConfig lifecycle,
            final MetricsConfig metrics,
            final ProcessorConfig processor,
            final RetrievalConfig retrieval) {
        super(checkpoint, coordinator, leases, lifecycle, metrics, processor, retrieval);
    }

    @Override
    boolean shouldInitiateLeaseSync()
            throws DependencyException, InvalidStateException, ProvisionedThroughputException {
        return leaseRefresher().isLeaseTableEmpty();
    }
}
