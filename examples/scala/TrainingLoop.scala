import io.runstream.scaladsl.TrackingClient

import scala.util.{Random, Using}

/** Fits a line by gradient descent with several learning rates, and asks which was best.
  *
  * `RUNSTREAM_TRACKING_URI` names the server; `grpc://localhost:50051`, if it is not set.
  */
object TrainingLoop {
  private val random = new Random(7)
  private val xs = Seq.fill(200)(random.nextDouble())
  private val ys = xs.map(x => 3 * x + 2 + 0.1 * random.nextGaussian())

  def main(arguments: Array[String]): Unit =
    Using.resource(TrackingClient.connect()) { client =>
      val experiment =
        client.experiment("line").map(_.getExperimentId).getOrElse(client.createExperiment("line"))
      for (rate <- Seq(0.01, 0.1, 0.5)) train(client, experiment, rate)
      val best = client.searchRuns("metrics.loss < 1", Seq(experiment), Seq("metrics.loss")).next()
      println(
        s"best: ${best.getInfo.getRunName} with a loss of ${best.getData.getMetrics(0).getValue}"
      )
    }

  private def train(client: TrackingClient, experiment: String, rate: Double): Unit =
    client.run(s"rate $rate", experiment) { run =>
      run.logParams("rate" -> rate, "epochs" -> 500)
      var (slope, offset) = (0.0, 0.0)
      for (epoch <- 1 to 500) {
        val errors = xs.zip(ys).map { case (x, y) => slope * x + offset - y }
        slope -= rate * 2 * errors.zip(xs).map { case (error, x) => error * x }.sum / xs.size
        offset -= rate * 2 * errors.sum / xs.size
        run.logMetric("loss", errors.map(error => error * error).sum / xs.size, epoch)
      }
    }
}
