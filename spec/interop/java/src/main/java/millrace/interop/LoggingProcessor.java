package millrace.interop;

import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.PreparedCheckpointer;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/**
 * Writes every record as a line and stores a checkpoint after each batch, prepared first if it is given a state. If it is
 * told where to stop, it checkpoints that very record, inside an aggregate or not, and does nothing any more.
 */
final class LoggingProcessor implements ShardRecordProcessor {
    private static final long PREPARED_MILLIS = 1_000;

    private final byte[] preparedState;
    private final String stopAtData;
    private String shardId = "";
    private boolean hasStopped;

    /** An empty state means: checkpoints are not prepared; empty data to stop at: it does not stop. */
    LoggingProcessor(final String preparedState, final String stopAtData) {
        this.preparedState = preparedState.getBytes(StandardCharsets.UTF_8);
        this.stopAtData = stopAtData;
    }

    @Override
    public void initialize(final InitializationInput input) {
        shardId = input.shardId();
        Lines.write(
                "initialized",
                "shardId", shardId,
                "sequenceNumber", input.extendedSequenceNumber().sequenceNumber(),
                "subSequenceNumber", input.extendedSequenceNumber().subSequenceNumber());
    }

    @Override
    public void processRecords(final ProcessRecordsInput input) {
        if (hasStopped) {
            return;
        }
        for (final KinesisClientRecord record : input.records()) {
            final String data = StandardCharsets.UTF_8.decode(record.data()).toString();
            Lines.write(
                    "record",
                    "shardId", shardId,
                    "sequenceNumber", record.sequenceNumber(),
                    "subSequenceNumber", record.subSequenceNumber(),
                    "data", data);
            if (data.equals(stopAtData)) {
                hasStopped = true;
                checkpointAt(record, input.checkpointer());
                return;
            }
        }
        checkpoint("processRecords", input.checkpointer());
    }

    @Override
    public void leaseLost(final LeaseLostInput input) {
        Lines.write("leaseLost", "shardId", shardId);
    }

    @Override
    public void shardEnded(final ShardEndedInput input) {
        Lines.write("shardEnded", "shardId", shardId);
        checkpoint("shardEnded", input.checkpointer());
    }

    @Override
    public void shutdownRequested(final ShutdownRequestedInput input) {
        Lines.write("shutdownRequested", "shardId", shardId);
        if (hasStopped) {
            return;
        }
        checkpoint("shutdownRequested", input.checkpointer());
    }

    private void checkpointAt(final KinesisClientRecord record, final RecordProcessorCheckpointer checkpointer) {
        try {
            checkpointer.checkpoint(record.sequenceNumber(), record.subSequenceNumber());
            Lines.write("checkpoint", "shardId", shardId, "during", "stop");
        } catch (final Exception e) {
            Lines.write("checkpointFailed", "shardId", shardId, "during", "stop", "error", e.toString());
        }
    }

    private void checkpoint(final String during, final RecordProcessorCheckpointer checkpointer) {
        try {
            if (preparedState.length > 0 && during.equals("processRecords")) {
                final PreparedCheckpointer prepared = checkpointer.prepareCheckpoint(preparedState);
                // Long enough for an observer of the table to see it.
                Thread.sleep(PREPARED_MILLIS);
                prepared.checkpoint();
            } else {
                checkpointer.checkpoint();
            }
            Lines.write("checkpoint", "shardId", shardId, "during", during);
        } catch (final ShutdownException | InvalidStateException e) {
            Lines.write("checkpointRefused", "shardId", shardId, "during", during, "error", e.toString());
        } catch (final RuntimeException | InterruptedException e) {
            Lines.write("checkpointFailed", "shardId", shardId, "during", during, "error", e.toString());
        }
    }
}
