package millrace.interop;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.function.Supplier;
import software.amazon.kinesis.coordinator.CoordinatorStateDAO;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.leader.DynamoDBLockBasedLeaderDecider;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.metrics.MetricsFactory;

/**
 * Sets how long the leader's lock lives and how often it is renewed. KCL has options for it since 3.2; before, the
 * times (2 minutes and 30 seconds) are constants, and the maker of the lock client is replaced by one with other times.
 */
final class LeaderTiming {
    private LeaderTiming() {}

    /** Uses the options where KCL has them. */
    static void configure(final LeaseManagementConfig leases, final long durationMillis, final long heartbeatMillis)
            throws ReflectiveOperationException {
        if (!hasOptions()) {
            return;
        }
        LeaseManagementConfig.class
                .getMethod("dynamoDbLockBasedLeaderLeaseDurationInMillis", long.class)
                .invoke(leases, durationMillis);
        LeaseManagementConfig.class
                .getMethod("dynamoDbLockBasedLeaderHeartbeatPeriodInMillis", long.class)
                .invoke(leases, heartbeatMillis);
    }

    /** Replaces the maker of the lock client where KCL has no options. */
    static void apply(
            final Scheduler scheduler, final String workerId, final long durationMillis, final long heartbeatMillis)
            throws ReflectiveOperationException {
        if (hasOptions()) {
            return;
        }
        final Method create = DynamoDBLockBasedLeaderDecider.class.getDeclaredMethod(
                "create", CoordinatorStateDAO.class, String.class, Long.class, Long.class, MetricsFactory.class);
        create.setAccessible(true);
        final Object stateDao = read(read(scheduler, Scheduler.class, "migrationStateMachine"), "coordinatorStateDAO");
        final Object components = read(scheduler, Scheduler.class, "migrationComponentsInitializer");
        final Field creator = components.getClass().getDeclaredField("ddbLockBasedLeaderDeciderCreator");
        creator.setAccessible(true);
        final Supplier<?> quick = () -> {
            try {
                return create.invoke(
                        null, stateDao, workerId, durationMillis, heartbeatMillis, scheduler.metricsFactory());
            } catch (final ReflectiveOperationException e) {
                throw new IllegalStateException(e);
            }
        };
        creator.set(components, quick);
    }

    private static Object read(final Object holder, final String name) throws ReflectiveOperationException {
        return read(holder, holder.getClass(), name);
    }

    private static Object read(final Object holder, final Class<?> declaring, final String name)
            throws ReflectiveOperationException {
        final Field field = declaring.getDeclaredField(name);
        field.setAccessible(true);
        return field.get(holder);
    }

    private static boolean hasOptions() {
        for (final Method method : LeaseManagementConfig.class.getMethods()) {
            if (method.getName().equals("dynamoDbLockBasedLeaderLeaseDurationInMillis")) {
                return true;
            }
        }
        return false;
    }
}
