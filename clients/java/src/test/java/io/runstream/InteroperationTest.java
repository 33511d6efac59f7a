package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.Gson;
import io.runstream.testing.Python;
import io.runstream.v1.Metric;
import io.runstream.v1.Param;
import io.runstream.v1.Run;
import io.runstream.v1.RunTag;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What one language logs the other reads, to the last bit. The vectors are of both suites. */
class InteroperationTest extends ClientTest {
  private static final String PROGRAM = "tests/support/vectors.py";

  /** The file. */
  static final class Vectors {
    List<Point> points;
    Map<String, String> params;
    Map<String, String> tags;
  }

  /** A point, its value as the bits of a double. */
  static final class Point {
    String key;
    String step;
    String timestamp;
    String bits;

    double value() {
      return Double.longBitsToDouble(Long.parseUnsignedLong(bits, 16));
    }

    String text() {
      return step + " " + timestamp + " " + bits;
    }
  }

  Vectors vectors;

  @BeforeEach
  void prepare() throws IOException {
    String text = Files.readString(Python.ROOT.resolve("tests/support/vectors.json"));
    vectors = new Gson().fromJson(text, Vectors.class);
  }

  @Test
  void whatJavaLogsJavaAndPythonRead() { // M1 to M3, P1, P3
    String id = client.createRun().getRunId();
    for (Point point : vectors.points) {
      client.logMetric(
          id,
          point.key,
          point.value(),
          Long.parseLong(point.timestamp),
          Long.parseLong(point.step));
    }
    vectors.params.forEach((key, value) -> client.logParam(id, key, value));
    vectors.tags.forEach((key, value) -> client.setTag(id, key, value));
    client.flush(Duration.ofSeconds(20));
    check(id);
    Python.run(PROGRAM, "check", server.uri(), id);
  }

  @Test
  void whatPythonLogsJavaReads() { // M1 to M3, P1, P3
    check(Python.run(PROGRAM, "log", server.uri()).strip());
  }

  private void check(String id) {
    Run run = client.runs().get(id);
    assertEquals(
        vectors.params,
        run.getData().getParamsList().stream()
            .collect(Collectors.toMap(Param::getKey, Param::getValue)));
    assertEquals(
        vectors.tags,
        run.getData().getTagsList().stream()
            .filter(tag -> vectors.tags.containsKey(tag.getKey()))
            .collect(Collectors.toMap(RunTag::getKey, RunTag::getValue)));
    Set<String> keys = new TreeSet<>();
    vectors.points.forEach(point -> keys.add(point.key));
    assertEquals(
        keys,
        run.getData().getMetricsList().stream()
            .map(Metric::getKey)
            .collect(Collectors.toCollection(TreeSet::new)));
    for (String key : keys) {
      assertEquals(
          vectors.points.stream()
              .filter(point -> point.key.equals(key))
              .map(Point::text)
              .collect(Collectors.toList()),
          client.histories().get(id, key).stream()
              .map(InteroperationTest::text)
              .collect(Collectors.toList()));
    }
  }

  private static String text(Metric point) {
    long bits = Double.doubleToRawLongBits(point.getValue());
    return point.getStep() + " " + point.getTimestamp() + " " + String.format("%016x", bits);
  }
}
