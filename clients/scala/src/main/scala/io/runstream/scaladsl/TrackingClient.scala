package io.runstream.scaladsl

import io.runstream.v1._
import io.runstream.{TrackingClient => JavaClient}

import scala.concurrent.duration.FiniteDuration
import scala.concurrent.{ExecutionContext, Future, blocking}
import scala.jdk.CollectionConverters._
import scala.jdk.DurationConverters._
import scala.jdk.OptionConverters._
import scala.util.control.{ControlThrowable, NonFatal}
import scala.util.{Failure, Using}

/** A client of one Runstream server: [[io.runstream.TrackingClient]] with the types of Scala.
  *
  * Any thread may use it. Every error is an [[io.runstream.TrackingException]]. The
  * `underlying` client has all other calls; messages are those of the Java client.
  *
  * {{{
  * Using.resource(TrackingClient.connect("grpc://127.0.0.1:50051")) { client =>
  *   client.run("baseline") { run =>
  *     run.logParams("lr" -> 0.1)
  *     for (step <- 1 to 100) run.logMetric("loss", 1.0 / step, step)
  *   }
  * }
  * }}}
  *
  * @param underlying
  *   the Java client
  */
final class TrackingClient(val underlying: JavaClient) extends AutoCloseable {

  /** Starts a run, which is to be closed by the caller, such as by `Using`. It waits for the answer of
    * the server while that can be reached, and goes on otherwise.
    *
    * @param name
    *   name for people; one is generated if it is empty (R3)
    * @param experimentId
    *   the experiment it belongs to
    * @param tags
    *   tags to set
    */
  def startRun(
      name: String = "",
      experimentId: String = "0",
      tags: Map[String, String] = Map.empty
  ): ActiveRun = {
    val request = CreateRunRequest.newBuilder.setRunName(name).setExperimentId(experimentId)
    tags.foreach { case (key, value) =>
      request.addTags(RunTag.newBuilder.setKey(key).setValue(value))
    }
    new ActiveRun(underlying.startRun(request.build))
  }

  /** Creates a run for a block of code, and ends it with the block: as FINISHED, or as FAILED by
    * what the block throws (R5).
    */
  def run[A](
      name: String = "",
      experimentId: String = "0",
      tags: Map[String, String] = Map.empty
  )(body: ActiveRun => A): A =
    Using.resource(startRun(name, experimentId, tags)) { run =>
      try body(run)
      catch {
        case control if isControlFlow(control) => throw control
        case error: Throwable                  => run.fail(error); throw error
      }
    }

  /** Whether this is a `return` or a `break` and no error; Scala 3 has a class of its own for it. */
  private def isControlFlow(error: Throwable): Boolean =
    error.isInstanceOf[ControlThrowable] || error.getClass.getName == "scala.util.boundary$Break"

  /** Creates a run for a future, and ends it when the future is complete, as `run` does. */
  def runAsync[A](
      name: String = "",
      experimentId: String = "0",
      tags: Map[String, String] = Map.empty
  )(body: ActiveRun => Future[A])(implicit executor: ExecutionContext): Future[A] =
    Future(blocking(startRun(name, experimentId, tags))).flatMap { run =>
      val result =
        try body(run)
        catch { case NonFatal(error) => Future.failed(error) }
      result.transform { outcome =>
        outcome match {
          case Failure(error) => run.fail(error)
          case _              =>
        }
        blocking(Using(run)(_ => outcome.get))
      }
    }

  /** Runs calls of this client, which wait for the server, as a future. */
  def async[A](calls: TrackingClient => A)(implicit executor: ExecutionContext): Future[A] =
    Future(blocking(calls(this)))

  /** Creates an experiment and returns its id. */
  def createExperiment(name: String): String = underlying.experiments.create(name)

  /** The experiment of a name, active or deleted. */
  def experiment(name: String): Option[Experiment] =
    underlying.experiments.getByName(name).toScala

  /** Grants a role on an experiment, in place of the one that the grantee has on it.
    *
    * @param grantee
    *   `user:NAME` or `group:NAME`; `group:everyone` is everybody who says who they are
    */
  def setGrant(experimentId: String, grantee: String, role: GrantRole): Unit =
    underlying.grants.set(experimentId, grantee, role)

  /** Takes from a user or a group the role that they have on an experiment. */
  def deleteGrant(experimentId: String, grantee: String): Unit =
    underlying.grants.delete(experimentId, grantee)

  /** The grants on an experiment, by grantee. */
  def grants(experimentId: String): Seq[Grant] =
    underlying.grants.list(experimentId).asScala.toSeq

  /** A run with all that was logged to it. */
  def getRun(runId: String): Run = underlying.runs.get(runId)

  /** The runs that a filter is true of, read page by page as they are taken (S1 to S6).
    *
    * @param filter
    *   such as `metrics.loss < 0.1 AND params.lr = '0.1'`; all runs, if empty
    * @param experimentIds
    *   the experiments to search; all, if empty
    * @param orderBy
    *   such as `metrics.loss ASC`; the newest first, if empty
    */
  def searchRuns(
      filter: String = "",
      experimentIds: Seq[String] = Nil,
      orderBy: Seq[String] = Nil
  ): Iterator[Run] = {
    val request = SearchRunsRequest.newBuilder
      .setFilter(filter)
      .addAllExperimentIds(experimentIds.asJava)
      .addAllOrderBy(orderBy.asJava)
    underlying.runs.search(request.build).asScala
  }

  /** The points of a metric by step, timestamp and value (M6). */
  def history(runId: String, key: String): Seq[Metric] =
    underlying.histories.get(runId, key).asScala.toSeq

  /** Follows runs live, those named and those of experiments, until the block ends.
    *
    * @param body
    *   takes what is committed to them, as it is committed; an iterator without end
    */
  def watch[A](runIds: Seq[String] = Nil, experimentIds: Seq[String] = Nil)(
      body: Iterator[RunChange] => A
  ): A = {
    val request = WatchRequest.newBuilder
      .addAllRunIds(runIds.asJava)
      .addAllExperimentIds(experimentIds.asJava)
    Using.resource(underlying.watch(request.build))(watch => body(watch.asScala))
  }

  /** Waits until all that was logged before is on disk. */
  def flush(timeout: FiniteDuration): Unit = underlying.flush(timeout.toJava)

  /** Waits until all that was logged is on disk, and ends what the client holds. If the server does
    * not answer, what was logged stays on the disk of this machine, which a warning names.
    */
  override def close(): Unit = underlying.close()
}

/** Makes clients. */
object TrackingClient {

  /** Connects to a server, `grpc://host:port`, or to several that have the same runs,
    * `grpc://host:port,host:port`; `grpcs://` is for TLS, and `offline:folder` writes to a folder
    * alone.
    */
  def connect(uri: String): TrackingClient = new TrackingClient(JavaClient.connect(uri))

  /** Connects as `connect(uri)` does; the token says who calls. */
  def connect(uri: String, token: String): TrackingClient =
    new TrackingClient(JavaClient.builder(uri).token(token).build())

  /** Connects to the server that the environment variable `RUNSTREAM_TRACKING_URI` names; to
    * `grpc://localhost:50051`, if it names none.
    */
  def connect(): TrackingClient = new TrackingClient(JavaClient.connect())
}
