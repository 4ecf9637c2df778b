package millrace.interop;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** Writes what happens as JSON lines to the standard output; nothing else may write there. */
final class Lines {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT =
            new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private Lines() {}

    /** One line: {@code {"event": event, name: value, ...}}. */
    static void write(final String event, final Object... namesAndValues) {
        final Map<String, Object> line = new LinkedHashMap<>();
        line.put("event", event);
        line.put("atMillis", System.currentTimeMillis());
        for (int i = 0; i + 1 < namesAndValues.length; i += 2) {
            line.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        try {
            // One call, so that the lines of two threads do not mix.
            OUT.println(JSON.writeValueAsString(line));
        } catch (final JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
