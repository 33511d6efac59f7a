package io.runstream.scaladsl

import io.runstream.testing.Server
import io.runstream.v1.RunStatus
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

import java.nio.file.Path
import scala.util.Using
import scala.util.boundary
import scala.util.boundary.break

/** What Scala 3 alone has. */
class BoundaryTest {
  @Test def aRunThatIsLeftByABreakIsFinished(@TempDir folder: Path): Unit = { // R5
    Using.resource(Server.start(folder)) { server =>
      Using.resource(TrackingClient.connect(server.uri)) { client =>
        val id = boundary {
          client.run("early") { run =>
            run.logMetric("loss", 1)
            if (run.id.nonEmpty) break(run.id)
            "never"
          }
        }
        assertEquals(RunStatus.FINISHED, client.getRun(id).getInfo.getStatus)
      }
    }
  }
}
