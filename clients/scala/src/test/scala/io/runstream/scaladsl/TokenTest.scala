package io.runstream.scaladsl

import io.grpc.Status
import io.runstream.testing.Server
import io.runstream.v1.{AccessServiceGrpc, CreateTokenRequest, ServerRole}
import io.runstream.TrackingException
import io.grpc.{Grpc, InsecureChannelCredentials}
import org.junit.jupiter.api.Assertions.{assertEquals, assertThrows, assertTrue}
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

import java.nio.file.Path
import scala.util.Using

/** How the Scala client says who calls, to a real server. */
class TokenTest {
  @TempDir var folder: Path = _

  @Test def aTokenSaysWhoCalls(): Unit =
    Using.resource(Server.start(folder)) { server =>
      val token = firstToken(server)
      Using.resource(TrackingClient.connect(server.uri, token)) { client =>
        val id = client.run("by root") { run =>
          run.logMetric("loss", 0.5, 1)
          run.id
        }
        assertEquals(1, client.history(id, "loss").size)
      }
      Using.resource(TrackingClient.connect(server.uri)) { client =>
        val error = assertThrows(classOf[TrackingException], () => client.startRun())
        assertEquals(Status.Code.UNAUTHENTICATED, error.code)
      }
    }

  @Test def whoAsksForTooMuchWaitsAsLongAsTheServerTells(): Unit =
    Using.resource(Server.start(folder, "--requests-per-caller", "5")) { server =>
      Using.resource(TrackingClient.connect(server.uri, firstToken(server))) { client =>
        val id = client.run("patient") { run =>
          run.logMetric("loss", 0.5, 1)
          run.id
        }
        val begin = System.nanoTime
        for (_ <- 1 to 12) assertEquals(1, client.history(id, "loss").size)
        assertTrue(System.nanoTime - begin > 800000000L)
      }
    }

  private def firstToken(server: Server): String = {
    val channel = Grpc
      .newChannelBuilder(s"127.0.0.1:${server.port}", InsecureChannelCredentials.create())
      .build()
    val request = CreateTokenRequest.newBuilder
      .setUserName("root")
      .setRole(ServerRole.SERVER_ROLE_ADMIN)
    try AccessServiceGrpc.newBlockingStub(channel).createToken(request.build).getSecret
    finally channel.shutdownNow()
  }
}
