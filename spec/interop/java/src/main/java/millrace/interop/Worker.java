package millrace.interop;

import java.io.IOException;
import java.net.URI;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.PromptScheduler;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.coordinator.WorkerStateChangeListener;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** One KCL worker that reads one stream by polling; SIGTERM ends it gracefully, the end of its input at once. */
public final class Worker {
    private static final long GRACEFUL_LIMIT_SECONDS = 60;

    private Worker() {}

    public static void main(final String[] args) throws Exception {
        final Settings settings = Settings.of(args);
        dieWithParent();
        final Scheduler scheduler = scheduler(settings);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stopGracefully(scheduler), "graceful-stop"));
        Lines.write("launched", "pid", ProcessHandle.current().pid());
        // Ends by the hook alone, whether the scheduler returns first or not.
        new Thread(scheduler, "scheduler").start();
    }

    private static Scheduler scheduler(final Settings settings) throws ReflectiveOperationException {
        final String workerId = settings.text("workerId");
        // The emulator speaks HTTP/1.1; the Kinesis client would choose HTTP/2.
        final SdkAsyncHttpClient http =
                NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP1_1).maxConcurrency(64).build();
        final KinesisAsyncClient kinesis =
                local(KinesisAsyncClient.builder().httpClient(http), settings.text("kinesisEndpoint")).build();
        final DynamoDbAsyncClient dynamo =
                local(DynamoDbAsyncClient.builder().httpClient(http), settings.text("dynamoEndpoint")).build();
        // Never called: the metrics factory below sends nothing.
        final CloudWatchAsyncClient cloudWatch =
                local(CloudWatchAsyncClient.builder().httpClient(http), settings.text("dynamoEndpoint")).build();
        final ConfigsBuilder configs = new ConfigsBuilder(
                new SingleStreamTracker(
                        settings.text("streamName"),
                        InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON)),
                settings.text("applicationName"),
                kinesis,
                dynamo,
                cloudWatch,
                workerId,
                () -> new LoggingProcessor(settings.text("preparedState"), settings.text("stopAtData")));
        final Scheduler scheduler = new PromptScheduler(
                configs.checkpointConfig(),
                coordination(configs, settings),
                leases(configs, settings),
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
                configs.processorConfig(),
                configs.retrievalConfig()
                        .retrievalSpecificConfig(new PollingConfig(settings.text("streamName"), kinesis)
                                .idleTimeBetweenReadsInMillis(settings.number("idleTimeBetweenReadsInMillis"))));
        LeaderTiming.apply(
                scheduler, workerId, settings.number("leaderDurationMillis"), settings.number("leaderHeartbeatMillis"));
        return scheduler;
    }

    private static <B extends AwsClientBuilder<B, C>, C> B local(final B builder, final String endpoint) {
        return builder.endpointOverride(URI.create(endpoint))
                .region(Region.US_EAST_1)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test")));
    }

    private static CoordinatorConfig coordination(final ConfigsBuilder configs, final Settings settings) {
        return configs.coordinatorConfig()
                .parentShardPollIntervalMillis(settings.number("parentShardPollIntervalMillis"))
                .shardConsumerDispatchPollIntervalMillis(settings.number("dispatchIntervalMillis"))
                .workerStateChangeListener(new StateLines());
    }

    private static LeaseManagementConfig leases(final ConfigsBuilder configs, final Settings settings)
            throws ReflectiveOperationException {
        final LeaseManagementConfig leases = configs.leaseManagementConfig()
                .failoverTimeMillis(settings.number("failoverTimeMillis"))
                .leaseAssignmentIntervalMillis(settings.number("leaseAssignmentIntervalMillis"))
                .shardSyncIntervalMillis(settings.number("shardSyncIntervalMillis"))
                .leasesRecoveryAuditorExecutionFrequencyMillis(settings.number("auditorIntervalMillis"))
                .gracefulLeaseHandoffConfig(LeaseManagementConfig.GracefulLeaseHandoffConfig.builder()
                        .gracefulLeaseHandoffTimeoutMillis(settings.number("handoffTimeoutMillis"))
                        .build());
        leases.workerUtilizationAwareAssignmentConfig()
                .workerMetricsReporterFreqInMillis(settings.number("workerMetricsIntervalMillis"))
                .disableWorkerMetrics(settings.text("cpuMetric").equals("none"))
                .workerMetricList(CpuMetric.list(settings.text("cpuMetric")))
                .varianceBalancingFrequency(1);
        LeaderTiming.configure(
                leases, settings.number("leaderDurationMillis"), settings.number("leaderHeartbeatMillis"));
        return leases;
    }

    private static void stopGracefully(final Scheduler scheduler) {
        Lines.write("stopping");
        try {
            final boolean clean = scheduler.startGracefulShutdown().get(GRACEFUL_LIMIT_SECONDS, TimeUnit.SECONDS);
            Lines.write("stopped", "clean", clean);
        } catch (final Exception e) {
            Lines.write("stopFailed", "error", e.toString());
        }
    }

    /** The parent holds the other end of the standard input, which ends however the parent dies. */
    private static void dieWithParent() {
        final Thread watch = new Thread(
                () -> {
                    try {
                        while (System.in.read() >= 0) {
                            // Whatever is said here has no meaning.
                        }
                    } catch (final IOException e) {
                        // The same as its end.
                    }
                    Runtime.getRuntime().halt(1);
                },
                "die-with-parent");
        watch.setDaemon(true);
        watch.start();
    }

    private static final class StateLines implements WorkerStateChangeListener {
        @Override
        public void onWorkerStateChange(final WorkerState state) {
            Lines.write("state", "state", state.name());
        }

        @Override
        public void onAllInitializationAttemptsFailed(final Throwable e) {
            Lines.write("initializationFailed", "error", e.toString());
        }
    }
}
