package io.runstream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.runstream.v1.Grant;
import io.runstream.v1.GrantRole;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Grants on experiments. */
@Timeout(60)
class GrantsTest extends SharedServerTest {
  @Test
  void grantsAreSetListedAndDeleted() {
    String id = client.experiments().create(UUID.randomUUID().toString());
    client.grants().set(id, "user:ada", GrantRole.GRANT_ROLE_READER);
    client.grants().set(id, "user:ada", GrantRole.GRANT_ROLE_OWNER);
    Grant granted =
        Grant.newBuilder()
            .setExperimentId(id)
            .setGrantee("user:ada")
            .setRole(GrantRole.GRANT_ROLE_OWNER)
            .build();
    assertEquals(List.of(granted), client.grants().list(id));
    client.grants().delete(id, "user:ada");
    assertEquals(List.of(), client.grants().list(id));
    TrackingException refusal =
        assertThrows(TrackingException.class, () -> client.grants().delete(id, "user:ada"));
    assertEquals("GRANT_NOT_FOUND", refusal.reason());
  }
}
