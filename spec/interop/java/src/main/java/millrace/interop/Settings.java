package millrace.interop;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Map;

/** What the worker is told by its only argument, a JSON object; every member is needed. */
record Settings(Map<String, Object> members) {
    @SuppressWarnings("unchecked")
    static Settings of(final String[] args) throws IOException {
        if (args.length != 1) {
            throw new IllegalArgumentException("give one argument: the settings as a JSON object");
        }
        return new Settings(new ObjectMapper().readValue(args[0], Map.class));
    }

    String text(final String name) {
        return (String) given(name);
    }

    long number(final String name) {
        return ((Number) given(name)).longValue();
    }

    private Object given(final String name) {
        final Object value = members.get(name);
        if (value == null) {
            throw new IllegalArgumentException("the settings lack " + name);
        }
        return value;
    }
}
