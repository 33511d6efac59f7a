package io.runstream.scaladsl

import io.runstream.TrackingException
import io.runstream.testing.{Programs, Server}
import io.runstream.v1.RunStatus
import org.junit.jupiter.api.Assertions.{assertEquals, assertSame, assertThrows, assertTrue}
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.api.{AfterEach, BeforeEach, Test}

import java.nio.file.Path
import java.util.Collections
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration._
import scala.concurrent.{Await, Future, Promise}
import scala.jdk.CollectionConverters._
import scala.util.Using

/** The Scala client, on a real server. */
class TrackingClientTest {
  @TempDir var folder: Path = _
  private var server: Server = _
  private var client: TrackingClient = _

  @BeforeEach def start(): Unit = {
    server = Server.start(folder)
    client = TrackingClient.connect(server.uri)
  }

  @AfterEach def stop(): Unit = {
    client.close()
    server.close()
  }

  @Test def aBlockIsARunThatIsFinishedWithIt(): Unit = { // R5
    val experiment = client.createExperiment("fraud")
    val id = client.run("baseline", experiment, Map("team" -> "risk")) { run =>
      run.logParams("lr" -> 0.1, "layers" -> 3)
      run.logMetrics(step = 1)("loss" -> 0.5, "accuracy" -> 0.9)
      run.logMetric("loss", Double.NegativeInfinity, Long.MaxValue)
      run.setTags("stage" -> "trial")
      run.flush(10.seconds)
      run.id
    }
    val stored = client.getRun(id)
    assertEquals(RunStatus.FINISHED, stored.getInfo.getStatus)
    assertEquals("baseline", stored.getInfo.getRunName)
    assertEquals(
      Map("lr" -> "0.1", "layers" -> "3"),
      stored.getData.getParamsList.asScala.map(param => param.getKey -> param.getValue).toMap
    )
    assertEquals(
      Seq(1L -> 0.5, Long.MaxValue -> Double.NegativeInfinity),
      client.history(id, "loss").map(point => point.getStep -> point.getValue)
    )
    assertEquals(Some(experiment), client.experiment("fraud").map(_.getExperimentId))
    assertEquals(None, client.experiment("nothing"))
  }

  @Test def aBlockThatThrowsIsARunThatFailed(): Unit = { // R5
    val error = new IllegalStateException("the loss is NaN")
    val thrown = assertThrows(
      classOf[IllegalStateException],
      () => client.run("fails")(_ => throw error)
    )
    assertSame(error, thrown)
    val failed = client.searchRuns("run_name = 'fails'").toSeq
    assertEquals(Seq(RunStatus.FAILED), failed.map(_.getInfo.getStatus))
    val tags = failed.head.getData.getTagsList.asScala.map(tag => tag.getKey -> tag.getValue).toMap
    assertEquals(error.toString, tags("runstream.error"))
  }

  @Test def aKeyThatIsGivenTwiceIsRefusedAndNothingIsLogged(): Unit = {
    val id = client.run() { run =>
      val wrong = classOf[IllegalArgumentException]
      assertThrows(wrong, () => run.logParams("lr" -> 0.1, "layers" -> 3, "lr" -> 0.2))
      assertThrows(wrong, () => run.setTags("stage" -> "trial", "stage" -> "final"))
      assertThrows(wrong, () => run.logMetrics(step = 1)("loss" -> 0.5, "loss" -> 0.4))
      run.id
    }
    val data = client.getRun(id).getData
    assertEquals(0, data.getParamsCount + data.getMetricsCount)
    assertTrue(data.getTagsList.asScala.forall(_.getKey.startsWith("mlflow.")))
  }

  @Test def aRunIsAResourceOfUsing(): Unit = {
    val id = Using.resource(client.startRun()) { run =>
      run.logMetric("loss", 1)
      run.id
    }
    assertEquals(RunStatus.FINISHED, client.getRun(id).getInfo.getStatus)
  }

  @Test def aRunOfAFutureEndsWithIt(): Unit = { // R5
    val gate = Promise[Unit]()
    val training = client.runAsync("async") { run =>
      gate.future.map { _ => run.logMetric("loss", 1); run.id }
    }
    gate.success(())
    val id = Await.result(training, 20.seconds)
    assertEquals(RunStatus.FINISHED, client.getRun(id).getInfo.getStatus)
    val failing = client.runAsync("async fails")(_ => Future.failed(new Exception("no")))
    assertEquals("no", Await.result(failing.failed, 20.seconds).getMessage)
    val found =
      Await.result(client.async(_.searchRuns("run_name = 'async fails'").next()), 20.seconds)
    assertEquals(RunStatus.FAILED, found.getInfo.getStatus)
  }

  @Test def runsAreFoundInTheirOrder(): Unit = { // S1, S5
    for (i <- 1 to 5) client.run(s"run $i")(_.logMetric("loss", i))
    val found = client.searchRuns("metrics.loss > 2", Seq("0"), Seq("metrics.loss DESC"))
    assertEquals(Seq("run 5", "run 4", "run 3"), found.map(_.getInfo.getRunName).toSeq)
  }

  @Test def aWatcherSeesWhatIsLogged(): Unit = {
    val id = client.underlying.createRun().getRunId
    val seen = client.watch(runIds = Seq(id)) { changes =>
      client.underlying.logMetric(id, "loss", 0.25, 1)
      changes.flatMap(_.getMetrics.getValueList.asScala).next()
    }
    assertEquals(0.25, seen.doubleValue)
  }

  @Test def aRefusalIsThrownByTheNextCall(): Unit = { // P1
    val run = client.startRun()
    run.logParams("lr" -> 0.1)
    val error = assertThrows(classOf[TrackingException], () => run.logParams("lr" -> 0.2))
    assertEquals("PARAM_IMMUTABLE", error.reason)
    run.close()
  }

  @Test def theExampleTrainsAndFindsTheBestRun(): Unit = {
    val example = Programs.java(Class.forName("TrainingLoop"), Collections.emptyList[String])
    example.environment.put("RUNSTREAM_TRACKING_URI", server.uri)
    val words = Programs.run(example)
    assertTrue(words.startsWith("best: rate 0.5 with a loss of 0.00"), words)
    assertEquals(3, client.searchRuns("params.epochs = '500'").size)
  }
}
