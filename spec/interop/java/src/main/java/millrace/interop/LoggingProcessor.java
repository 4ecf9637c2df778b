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

/** Writes every record as a line and stores a checkpoint after each batch, prepared first if it is given a state. */
final class LoggingProcessor implements ShardRecordProcessor {
    private static final long PREPARED_MILLIS = 1_000;

    private final byte[] preparedState;
    private String shardId = "";

    /** An empty state means: checkpoints are not prepared. */
    LoggingProcessor(final String preparedState) {
        this.preparedState = preparedState.getBytes(StandardCharsets.UTF_8);
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
        for (final KinesisClientRecord record : input.records()) {
            Lines.write(
                    "record",
                    "shardId", shardId,
                    "sequenceNumber", record.sequenceNumber(),
                    "subSequenceNumber", record.subSequenceNumber(),
                    "data", StandardCharsets.UTF_8.decode(record.data()).toString());
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
        checkpoint("shutdownRequested", input.checkpointer());
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
