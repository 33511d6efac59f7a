package io.runstream;

import io.runstream.v1.AccessServiceGrpc;
import io.runstream.v1.AccessServiceGrpc.AccessServiceBlockingStub;
import io.runstream.v1.DeleteGrantRequest;
import io.runstream.v1.Grant;
import io.runstream.v1.GrantRole;
import io.runstream.v1.ListGrantsRequest;
import io.runstream.v1.SetGrantRequest;
import java.util.List;

/**
 * What users and groups may do with experiments; see {@link TrackingClient#grants}.
 *
 * <p>A grantee is {@code user:NAME} or {@code group:NAME}; {@code group:everyone} is everybody who
 * says who they are.
 */
public final class Grants {
  private final Calls calls;
  private final AccessServiceBlockingStub stub;

  Grants(Calls calls) {
    this.calls = calls;
    this.stub = AccessServiceGrpc.newBlockingStub(calls.channel).withWaitForReady();
  }

  /**
   * Grants a role on an experiment, in place of the one that the grantee has on it.
   *
   * @param experimentId the id of the experiment
   * @param grantee a user or a group
   * @param role the role
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, {@code
   *     PERMISSION_DENIED} if the caller is no owner of it, or {@code FAILED_PRECONDITION} if it
   *     has 1,000 grants
   */
  public void set(String experimentId, String grantee, GrantRole role) {
    SetGrantRequest request =
        SetGrantRequest.newBuilder()
            .setExperimentId(experimentId)
            .setGrantee(grantee)
            .setRole(role)
            .build();
    calls.call(stub, service -> service.setGrant(request));
  }

  /**
   * Takes from a user or a group the role that they have on an experiment.
   *
   * @param experimentId the id of the experiment
   * @param grantee a user or a group
   * @throws TrackingException {@code INVALID_ARGUMENT}, {@code NOT_FOUND}, also if they have none,
   *     or {@code PERMISSION_DENIED} if the caller is no owner of it
   */
  public void delete(String experimentId, String grantee) {
    DeleteGrantRequest request =
        DeleteGrantRequest.newBuilder().setExperimentId(experimentId).setGrantee(grantee).build();
    calls.call(stub, service -> service.deleteGrant(request));
  }

  /**
   * Returns the grants on an experiment.
   *
   * @param experimentId the id of the experiment
   * @return the grants, by grantee
   * @throws TrackingException {@code NOT_FOUND}
   */
  public List<Grant> list(String experimentId) {
    ListGrantsRequest request =
        ListGrantsRequest.newBuilder().setExperimentId(experimentId).build();
    return calls.call(stub, service -> service.listGrants(request)).getGrantsList();
  }
}
