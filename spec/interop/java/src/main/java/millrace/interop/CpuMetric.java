package millrace.interop;

import java.util.List;
import software.amazon.kinesis.worker.metric.OperatingRange;
import software.amazon.kinesis.worker.metric.WorkerMetric;
import software.amazon.kinesis.worker.metric.WorkerMetricType;
import software.amazon.kinesis.worker.metric.impl.linux.LinuxCpuWorkerMetric;

/** A CPU utilisation that the test chooses, since all workers of a test share one machine. */
record CpuMetric(double percent) implements WorkerMetric {
    private static final OperatingRange RANGE = OperatingRange.builder().maxUtilization(100).build();

    /** {@code none}: the worker reports no metric; {@code proc}: that of the machine; a number: always that. */
    static List<WorkerMetric> list(final String choice) {
        return switch (choice) {
            case "none" -> List.of();
            case "proc" -> List.of(new LinuxCpuWorkerMetric(RANGE));
            default -> List.of(new CpuMetric(Double.parseDouble(choice)));
        };
    }

    @Override
    public String getShortName() {
        return WorkerMetricType.CPU.getShortName();
    }

    @Override
    public WorkerMetricValue capture() {
        return WorkerMetricValue.builder().value(percent).build();
    }

    @Override
    public OperatingRange getOperatingRange() {
        return RANGE;
    }

    @Override
    public WorkerMetricType getWorkerMetricType() {
        return WorkerMetricType.CPU;
    }
}
