package io.runstream;

import io.runstream.v1.Metric;
import io.runstream.v1.MetricServiceGrpc;
import io.runstream.v1.MetricServiceGrpc.MetricServiceStub;
import io.runstream.v1.MetricTable;
import io.runstream.v1.ReadMetricHistoryRequest;
import io.runstream.v1.ReadMetricHistoryResponse;
import java.util.ArrayList;
import java.util.List;

/**
 * The histories of metrics; see {@link TrackingClient#histories}.
 *
 * <p>What this client logged to a run before is on disk before its histories are read. A reading
 * that breaks off, such as by a restart of the server, goes on where it was.
 */
public final class Histories {
  private final Calls calls;
  private final Outbox outbox;
  private final MetricServiceStub stub;

  Histories(Calls calls, Outbox outbox) {
    this.calls = calls;
    this.outbox = outbox;
    this.stub = MetricServiceGrpc.newStub(calls.channel).withWaitForReady();
  }

  /**
   * Returns the points of a metric by step, timestamp and value (M6).
   *
   * @param runId the run
   * @param key the metric
   * @return its points; none, if it was never logged
   * @throws TrackingException {@code INVALID_ARGUMENT}, or {@code NOT_FOUND} if there is no such
   *     run
   */
  public List<Metric> get(String runId, String key) {
    ReadMetricHistoryRequest request =
        ReadMetricHistoryRequest.newBuilder().setRunId(runId).addMetricKeys(key).build();
    List<Metric> points = new ArrayList<>();
    try (Answers<ReadMetricHistoryResponse> answers = read(request)) {
      answers.forEachRemaining(answer -> addRows(points, answer.getMetrics()));
    }
    return points;
  }

  /**
   * Reads histories as columns: of one run or several, in a range of steps, thinned to a number of
   * points or whole.
   *
   * @param request which histories
   * @return parts of up to 32,768 points of one metric of one run, in the order of the runs and the
   *     keys; close it if you do not read it to its end
   * @throws TrackingException {@code INVALID_ARGUMENT}, or {@code NOT_FOUND} if there is no such
   *     run; thrown by the first {@code hasNext}
   */
  public Answers<ReadMetricHistoryResponse> read(ReadMetricHistoryRequest request) {
    List<RunBuffer> runs = new ArrayList<>(outbox.buffers.find(request.getRunId()));
    request.getRunIdsList().forEach(runId -> runs.addAll(outbox.buffers.find(runId)));
    outbox.flush(runs, calls.deadline);
    return new Answers<>(new HistoryReading(calls, stub, request));
  }

  private static void addRows(List<Metric> points, MetricTable table) {
    for (int i = 0; i < table.getValueCount(); i++) {
      points.add(
          Metric.newBuilder()
              .setKey(table.getKeys(0))
              .setStep(table.getStep(i))
              .setTimestamp(table.getTimestamp(i))
              .setValue(table.getValue(i))
              .build());
    }
  }
}
