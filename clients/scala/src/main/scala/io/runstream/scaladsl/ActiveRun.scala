package io.runstream.scaladsl

import io.runstream.RunHandle
import io.runstream.v1.{DatasetInput, ModelInput, ModelOutput, RunInfo}

import scala.concurrent.duration.FiniteDuration
import scala.jdk.CollectionConverters._
import scala.jdk.DurationConverters._

/** A run that goes on: [[io.runstream.RunHandle]] with the types of Scala.
  *
  * Any thread may use it. What is logged is on the disk of this machine first, and on that of the
  * server when `flush` has returned, or the `close` of the client; what the server refuses is
  * thrown by the next call for the run, as [[io.runstream.TrackingException]]. A
  * key that is given twice in one call is an `IllegalArgumentException`.
  *
  * @param underlying
  *   the handle of the Java client
  */
final class ActiveRun(val underlying: RunHandle) extends AutoCloseable {

  /** Its id, 32 lower-case hexadecimal digits. */
  def id: String = underlying.runId()

  /** What it is, as the server told it last, or as it was started or closed here. */
  def info: RunInfo = underlying.info()

  /** Logs a point of now.
    *
    * @param key
    *   name of the metric, 1 to 250 characters (M1)
    * @param value
    *   any double; NaN and the infinities are kept (M3)
    * @param step
    *   training step, any 64-bit integer (M2)
    */
  def logMetric(key: String, value: Double, step: Long = 0): Unit =
    underlying.logMetric(key, value, step)

  /** Logs a point of now of each of several metrics, all of them or none. */
  def logMetrics(step: Long)(metrics: (String, Double)*): Unit =
    underlying.logMetrics(
      byUniqueKey(metrics).map { case (key, value) => key -> Double.box(value) }.asJava,
      step
    )

  /** Sets params, each once (P1), to their values as text. */
  def logParams(params: (String, Any)*): Unit = underlying.logParams(asTexts(params))

  /** Sets tags to their values as text; the last value set stands (P3). */
  def setTags(tags: (String, Any)*): Unit = underlying.setTags(asTexts(tags))

  /** Deletes a tag; one that is not there is refused, which a later call for the run throws (P3). */
  def deleteTag(key: String): Unit = underlying.deleteTag(key)

  /** Records datasets that the run read, each with the tags of its use (P4). */
  def logInputs(datasets: DatasetInput*): Unit = underlying.logInputs(datasets.asJava)

  /** Records models that the run read. */
  def logModelInputs(models: ModelInput*): Unit = underlying.logModelInputs(models.asJava)

  /** Records models that the run made. */
  def logModelOutputs(models: ModelOutput*): Unit = underlying.logModelOutputs(models.asJava)

  /** Waits until all that was logged to this run before is on disk. */
  def flush(timeout: FiniteDuration): Unit = underlying.flush(timeout.toJava)

  /** Notes that the run failed: `close` will end it as FAILED, after an interrupt as KILLED. */
  def fail(error: Throwable): Unit = { underlying.fail(error); () }

  /** Ends the run: FINISHED, or as `fail` noted. Returns at once: the end is queued behind all that
    * was logged.
    */
  override def close(): Unit = underlying.close()

  private def asTexts(pairs: Seq[(String, Any)]): java.util.Map[String, String] =
    byUniqueKey(pairs).map { case (key, value) => key -> String.valueOf(value) }.asJava

  private def byUniqueKey[A](pairs: Seq[(String, A)]): Map[String, A] = {
    val byKey = pairs.toMap
    require(byKey.size == pairs.size, s"a key is given twice: ${pairs.mkString(", ")}")
    byKey
  }
}
