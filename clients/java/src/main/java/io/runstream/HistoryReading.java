package io.runstream;

import io.runstream.v1.MetricServiceGrpc.MetricServiceStub;
import io.runstream.v1.MetricTable;
import io.runstream.v1.ReadMetricHistoryRequest;
import io.runstream.v1.ReadMetricHistoryResponse;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Reads histories, and resumes when the call breaks off. A resumed reading asks again and leaves
 * out what was read before: the runs before the last one, the metrics of that run that were read to
 * their end, and the points of the last metric up to the last point.
 */
final class HistoryReading implements Answers.Source<ReadMetricHistoryResponse> {
  private final Calls calls;
  private final MetricServiceStub stub;
  private final Attempts attempts;
  private ReadMetricHistoryRequest request; // for what is not read yet
  private volatile ServerStream<ReadMetricHistoryRequest, ReadMetricHistoryResponse> stream;
  private boolean isResumed;
  private long answersRead;
  // Where the reading is: the last answer, and the metrics before it of the same run.
  private ReadMetricHistoryResponse last;
  private final Set<String> readKeys = new HashSet<>();

  HistoryReading(Calls calls, MetricServiceStub stub, ReadMetricHistoryRequest request) {
    this.calls = calls;
    this.stub = stub;
    this.request = request;
    attempts = new Attempts(calls.deadline);
    open();
  }

  @Override
  public ReadMetricHistoryResponse next() {
    while (true) {
      ReadMetricHistoryResponse answer;
      try {
        answer = stream.next(calls.deadline);
      } catch (TrackingException error) {
        if (!error.mayWorkLater() || calls.isClosed()) {
          throw error;
        }
        attempts.awaitNext(answersRead, error);
        resume();
        continue;
      }
      if (answer == null) {
        return null;
      }
      check(answer.getMetrics());
      ReadMetricHistoryResponse unread = isResumed ? withoutReadPoints(answer) : answer;
      if (unread.getMetrics().getValueCount() > 0) {
        record(unread);
        return unread;
      }
    }
  }

  @Override
  public void close() {
    stream.close();
  }

  private void open() {
    stream = new ServerStream<>(calls);
    stub.readMetricHistory(request, stream);
  }

  private void resume() {
    if (last != null) {
      isResumed = true;
      ReadMetricHistoryRequest.Builder rest = request.toBuilder();
      List<String> runs = request.getRunIdsList();
      if (runs.contains(last.getRunId())) {
        rest.clearRunIds().addAllRunIds(runs.subList(runs.indexOf(last.getRunId()), runs.size()));
      }
      boolean oneSeries = rest.getRunIdsCount() < 2 && rest.getMetricKeysCount() == 1;
      if (oneSeries && rest.getMaxPoints() == 0) {
        MetricTable table = last.getMetrics();
        rest.setStartStep(table.getStep(table.getStepCount() - 1));
      }
      request = rest.build();
    }
    open();
  }

  private void record(ReadMetricHistoryResponse answer) {
    answersRead++;
    if (last != null) {
      if (last.getRunId().equals(answer.getRunId())) {
        readKeys.add(key(last));
      } else {
        readKeys.clear();
        isResumed = false;
      }
    }
    readKeys.remove(key(answer));
    last = answer;
  }

  /** Returns an answer without the points that were read before the reading broke off. */
  private ReadMetricHistoryResponse withoutReadPoints(ReadMetricHistoryResponse answer) {
    if (!answer.getRunId().equals(last.getRunId())) {
      return answer;
    }
    if (readKeys.contains(key(answer))) {
      return ReadMetricHistoryResponse.getDefaultInstance();
    }
    if (!key(answer).equals(key(last))) {
      return answer;
    }
    MetricTable table = answer.getMetrics();
    MetricTable read = last.getMetrics();
    int end = read.getValueCount() - 1;
    MetricTable.Builder rest = MetricTable.newBuilder().addKeys(key(answer));
    for (int i = 0; i < table.getValueCount(); i++) {
      if (compare(table, i, read, end) > 0) {
        rest.addStep(table.getStep(i))
            .addTimestamp(table.getTimestamp(i))
            .addValue(table.getValue(i));
      }
    }
    rest.addCounts(rest.getValueCount());
    return answer.toBuilder().setMetrics(rest).build();
  }

  private static String key(ReadMetricHistoryResponse answer) {
    return answer.getMetrics().getKeys(0);
  }

  /** Compares points by step, timestamp and value, NaN last (M6). */
  private static int compare(MetricTable one, int i, MetricTable other, int j) {
    int steps = Long.compare(one.getStep(i), other.getStep(j));
    int times = Long.compare(one.getTimestamp(i), other.getTimestamp(j));
    if (steps != 0 || times != 0) {
      return steps != 0 ? steps : times;
    }
    return Double.compare(one.getValue(i), other.getValue(j));
  }

  private static void check(MetricTable table) {
    int rows = table.getValueCount();
    boolean whole =
        rows > 0
            && table.getStepCount() == rows
            && table.getTimestampCount() == rows
            && table.getKeysCount() == 1
            && table.getCountsList().equals(List.of(rows));
    if (!whole) {
      throw TrackingException.malformed(
          "the server answers with columns of points that are empty or do not fit each other");
    }
  }
}
