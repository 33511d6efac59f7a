"""PurgeExperiment takes the role of an owner of the experiment (E6)."""

from __future__ import annotations

import grpc

from runstream.v1.access_service_pb2 import GrantRole, SetGrantRequest
from runstream.v1.experiment_purge_pb2 import PurgeExperimentRequest
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest
from runstream.v1.run_service_pb2 import CreateRunRequest, DeleteRunRequest, GetRunRequest
from support.access import GuardedServer
from support.api import expect_refusal


def test_owners_empty_the_bin_of_an_experiment_and_nobody_else(guarded: GuardedServer) -> None:
    ada, eve, root = (guarded.apis[name] for name in ("ada", "eve", "root"))
    experiment = ada.create_experiment("with a bin")
    run_id = ada.runs.CreateRun(CreateRunRequest(experiment_id=experiment)).run.info.run_id
    ada.runs.DeleteRun(DeleteRunRequest(run_id=run_id))
    request = PurgeExperimentRequest(experiment_id=experiment)
    counting = PurgeExperimentRequest(experiment_id=experiment, dry_run=True)
    grant = SetGrantRequest(experiment_id=experiment, grantee="user:eve")
    for asked in (request, counting):
        with expect_refusal(grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            eve.maintenance.PurgeExperiment(asked)
    for role in (GrantRole.GRANT_ROLE_READER, GrantRole.GRANT_ROLE_WRITER):
        grant.role = role
        ada.access.SetGrant(grant)
        for asked in (request, counting):
            with expect_refusal(grpc.StatusCode.PERMISSION_DENIED, "ROLE_TOO_LOW"):
                eve.maintenance.PurgeExperiment(asked)
    assert root.runs.GetRun(GetRunRequest(run_id=run_id)).run.info.deleted_by == "ada"
    root.create_run(root.create_experiment("after the bin"))
    assert ada.maintenance.PurgeExperiment(request).runs == 1
    ada.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment))
    grant.role = GrantRole.GRANT_ROLE_OWNER
    root.access.SetGrant(grant)
    assert eve.maintenance.PurgeExperiment(request).with_experiment
    with expect_refusal(grpc.StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        ada.maintenance.PurgeExperiment(request)
