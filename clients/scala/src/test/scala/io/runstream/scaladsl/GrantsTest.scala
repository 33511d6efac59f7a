package io.runstream.scaladsl

import io.grpc.Status
import io.runstream.TrackingException
import io.runstream.testing.Server
import io.runstream.v1.{Grant, GrantRole}
import org.junit.jupiter.api.Assertions.{assertEquals, assertThrows}
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

import java.nio.file.Path
import scala.util.Using

/** Grants on experiments, on a real server. */
class GrantsTest {
  @TempDir var folder: Path = _

  private def asPairs(grants: Seq[Grant]): Seq[(String, GrantRole)] =
    grants.map(grant => grant.getGrantee -> grant.getRole)

  @Test def grantsAreSetListedAndDeleted(): Unit =
    Using.resource(Server.start(folder)) { server =>
      Using.resource(TrackingClient.connect(server.uri)) { client =>
        val id = client.createExperiment("shared")
        client.setGrant(id, "user:ada", GrantRole.GRANT_ROLE_READER)
        client.setGrant(id, "user:ada", GrantRole.GRANT_ROLE_OWNER)
        client.setGrant(id, "group:research", GrantRole.GRANT_ROLE_WRITER)
        assertEquals(
          Seq(
            "group:research" -> GrantRole.GRANT_ROLE_WRITER,
            "user:ada" -> GrantRole.GRANT_ROLE_OWNER
          ),
          asPairs(client.grants(id))
        )
        client.deleteGrant(id, "group:research")
        assertEquals(
          Seq("user:ada" -> GrantRole.GRANT_ROLE_OWNER),
          asPairs(client.grants(id))
        )
        val gone = assertThrows(
          classOf[TrackingException],
          () => client.deleteGrant(id, "group:research")
        )
        assertEquals("GRANT_NOT_FOUND", gone.reason)
        val nowhere = assertThrows(classOf[TrackingException], () => client.grants("4711"))
        assertEquals(Status.Code.NOT_FOUND, nowhere.code)
      }
    }
}
