"""Deletions name who did them."""

from __future__ import annotations

from uuid import uuid4

from runstream.v1 import experiment_service_pb2 as experiments
from runstream.v1 import run_service_pb2 as runs
from runstream.v1.access_service_pb2 import GrantRole, SetGrantRequest
from runstream.v1.experiment_pb2 import Experiment
from runstream.v1.run_pb2 import RunInfo, ViewType
from support.access import GuardedServer
from support.api import Api


def create_run(api: Api, experiment_id: str) -> str:
    return api.runs.CreateRun(runs.CreateRunRequest(experiment_id=experiment_id)).run.info.run_id


def run_info(api: Api, run_id: str) -> RunInfo:
    info: RunInfo = api.runs.GetRun(runs.GetRunRequest(run_id=run_id)).run.info
    return info


def experiment(api: Api, experiment_id: str) -> Experiment:
    request = experiments.GetExperimentRequest(experiment_id=experiment_id)
    found: Experiment = api.experiments.GetExperiment(request).experiment
    return found


def test_a_deleted_run_says_who_deleted_it(guarded: GuardedServer) -> None:
    ada, eve = guarded.apis["ada"], guarded.apis["eve"]
    of_ada = ada.create_experiment(str(uuid4()))
    writer = GrantRole.GRANT_ROLE_WRITER
    ada.access.SetGrant(SetGrantRequest(experiment_id=of_ada, grantee="user:eve", role=writer))
    run = create_run(ada, of_ada)
    assert not run_info(ada, run).HasField("deleted_by")
    eve.runs.DeleteRun(runs.DeleteRunRequest(run_id=run))
    assert run_info(ada, run).deleted_by == "eve"
    search = runs.SearchRunsRequest(experiment_ids=[of_ada], run_view_type=ViewType.DELETED_ONLY)
    (found,) = ada.runs.SearchRuns(search).runs
    assert found.info.deleted_by == "eve"
    ada.runs.RestoreRun(runs.RestoreRunRequest(run_id=run))
    assert not run_info(ada, run).HasField("deleted_by")


def test_a_deleted_experiment_and_its_runs_say_who_deleted_them(guarded: GuardedServer) -> None:
    ada, root = guarded.apis["ada"], guarded.apis["root"]
    of_ada = ada.create_experiment(str(uuid4()))
    deleted_before, run = create_run(ada, of_ada), create_run(ada, of_ada)
    ada.runs.DeleteRun(runs.DeleteRunRequest(run_id=deleted_before))
    root.experiments.DeleteExperiment(experiments.DeleteExperimentRequest(experiment_id=of_ada))
    assert experiment(ada, of_ada).deleted_by == "root"
    assert run_info(ada, run).deleted_by == "root"
    assert run_info(ada, deleted_before).deleted_by == "ada"
    ada.experiments.RestoreExperiment(experiments.RestoreExperimentRequest(experiment_id=of_ada))
    assert not experiment(ada, of_ada).HasField("deleted_by")
    assert not run_info(ada, run).HasField("deleted_by")
    assert run_info(ada, deleted_before).deleted_by == "ada"


def test_an_open_server_does_not_know_who_deletes(api: Api) -> None:
    of_somebody = api.create_experiment(str(uuid4()))
    api.experiments.DeleteExperiment(experiments.DeleteExperimentRequest(experiment_id=of_somebody))
    assert not experiment(api, of_somebody).HasField("deleted_by")
