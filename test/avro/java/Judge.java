// What Apache Avro says of pairs of schemas. Each line of standard input is a JSON array of a
// reader's schema and a writer's; each line of standard output is a JSON object:
//
//   verdict  compatible, incompatible, throws, where Avro gives up, or refused, when it cannot even
//            parse one of them, and nothing else is said
//   found    rule and place of each incompatibility, such as TYPE_MISMATCH /fields/0/type
//   reader, writer  CRC-64-AVRO fingerprints of the parsing canonical forms, in wire order

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.avro.AvroRuntimeException;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;

final class Judge {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode pair = JSON.readTree(line);
      out.println(judge(pair.get(0), pair.get(1)));
    }
    out.flush();
  }

  private static Schema parse(JsonNode schema) {
    return new Schema.Parser().parse(schema.toString());
  }

  private static ObjectNode judge(JsonNode readerJson, JsonNode writerJson) throws Exception {
    ObjectNode result = JSON.createObjectNode();
    Schema reader;
    Schema writer;
    try {
      reader = parse(readerJson);
      writer = parse(writerJson);
    } catch (AvroRuntimeException refused) {
      return result.put("verdict", "refused");
    }
    ArrayNode found = JSON.createArrayNode();
    result.put("verdict", verdict(reader, writer, found));
    result.set("found", found);
    return result.put("reader", fingerprint(reader)).put("writer", fingerprint(writer));
  }

  private static String verdict(Schema reader, Schema writer, ArrayNode found) {
    SchemaCompatibility.SchemaCompatibilityResult result;
    try {
      result = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getResult();
    } catch (AvroRuntimeException ambiguous) {
      return "throws";
    }
    for (SchemaCompatibility.Incompatibility reason : result.getIncompatibilities()) {
      found.add(reason.getType() + " " + reason.getLocation());
    }
    return result.getCompatibility().toString().toLowerCase();
  }

  private static String fingerprint(Schema schema) throws Exception {
    StringBuilder hex = new StringBuilder();
    for (byte b : SchemaNormalization.parsingFingerprint("CRC-64-AVRO", schema)) {
      hex.append(String.format("%02x", b));
    }
    return hex.toString();
  }
}
