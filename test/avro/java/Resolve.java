// What Apache Avro makes of records of one schema as another has them. Each line of standard input
// is a JSON array of a reader's schema, a writer's, and records as hexadecimal; each line of
// standard output is a JSON array of a string a record: the value, or "error" when Avro refuses it
// or leaves bytes over. Of a value each kind is written apart: longs as their digits and L, other
// numbers as the bits of the double, bytes in base64, maps and records by ascending key.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

final class Resolve {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode input = JSON.readTree(line);
      ArrayNode results = JSON.createArrayNode();
      for (JsonNode hex : input.get(2)) {
        results.add(resolve(input.get(0).toString(), input.get(1).toString(), hex.asText()));
      }
      out.println(results);
    }
    out.flush();
  }

  private static String resolve(String reader, String writer, String hex) {
    try {
      Schema as = new Schema.Parser().parse(reader);
      Schema by = new Schema.Parser().parse(writer);
      byte[] bytes = new byte[hex.length() / 2];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
      }
      BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
      Object value = new GenericDatumReader<Object>(by, as).read(null, decoder);
      return decoder.isEnd() ? text(value) : "error";
    } catch (Exception | StackOverflowError refused) {
      return "error";
    }
  }

  private static String text(Object value) throws Exception {
    if (value == null || value instanceof Boolean) return String.valueOf(value);
    if (value instanceof Long) return value + "L";
    if (value instanceof Number) {
      return Long.toHexString(Double.doubleToLongBits(((Number) value).doubleValue()));
    }
    if (value instanceof GenericFixed) return base64(((GenericFixed) value).bytes());
    if (value instanceof ByteBuffer) {
      ByteBuffer buffer = (ByteBuffer) value;
      byte[] bytes = new byte[buffer.remaining()];
      buffer.duplicate().get(bytes);
      return base64(bytes);
    }
    List<String> parts = new ArrayList<>();
    if (value instanceof List) {
      for (Object item : (List<?>) value) parts.add(text(item));
      return "[" + String.join(",", parts) + "]";
    }
    Map<String, Object> sorted = new TreeMap<>();
    if (value instanceof Map) {
      for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
        sorted.put(entry.getKey().toString(), entry.getValue());
      }
    } else if (value instanceof IndexedRecord) {
      IndexedRecord record = (IndexedRecord) value;
      for (Schema.Field field : record.getSchema().getFields()) {
        sorted.put(field.name(), record.get(field.pos()));
      }
    }
    if (value instanceof Map || value instanceof IndexedRecord) {
      for (Map.Entry<String, Object> it : sorted.entrySet()) {
        parts.add(JSON.writeValueAsString(it.getKey()) + ":" + text(it.getValue()));
      }
      return "{" + String.join(",", parts) + "}";
    }
    // Strings, and symbols of enums.
    return JSON.writeValueAsString(value.toString());
  }

  private static String base64(byte[] bytes) {
    return "b" + Base64.getEncoder().encodeToString(bytes);
  }
}
