"""Runs that are moved while another server writes to them (R10)."""

from __future__ import annotations

import psycopg

from runstream.v1.alert_pb2 import RunFailed
from runstream.v1.alert_service_pb2 import CreateAlertRuleRequest, ListAlertRulesRequest
from runstream.v1.run_moves_pb2 import MoveRunsRequest
from runstream.v1.run_pb2 import RunTag
from runstream.v1.run_service_pb2 import CreateRunRequest, GetRunRequest
from support.api import Api
from support.cluster import Cluster
from support.waiting import wait_until

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def test_a_child_run_that_comes_while_a_move_waits_goes_with_its_parent(
    cluster: Cluster, apis: list[Api]
) -> None:
    experiment = apis[0].create_experiment("where they go")
    study = apis[0].create_run()
    with psycopg.connect(cluster.url) as other, other.transaction():
        other.execute("SELECT id FROM run WHERE uuid = %s FOR UPDATE", [study])
        request = MoveRunsRequest(run_ids=[study], experiment_id=experiment)
        move = apis[0].runs.MoveRuns.future(request, timeout=60)
        wait_until(lambda: cluster.servers[0].query(WAITING) != [(0,)], 30)
        tag = RunTag(key="mlflow.parentRunId", value=study)
        trial = apis[1].runs.CreateRun(CreateRunRequest(tags=[tag])).run.info.run_id
    assert set(move.result().run_ids) == {study, trial}
    for run_id in (study, trial):
        found = apis[2].runs.GetRun(GetRunRequest(run_id=run_id)).run
        assert found.info.experiment_id == experiment


def test_a_rule_that_is_created_while_its_run_is_moved_goes_with_it(
    cluster: Cluster, apis: list[Api]
) -> None:  # R10
    here, there = (apis[0].create_experiment(name) for name in ("from here", "to there"))
    run_id = apis[0].create_run(experiment_id=here)
    with psycopg.connect(cluster.url) as other, other.transaction():
        other.execute("SELECT id FROM experiment WHERE id = %s FOR NO KEY UPDATE", [int(here)])
        rule = CreateAlertRuleRequest(run_id=run_id, name="failed", run_failed=RunFailed())
        creation = apis[1].alerts.CreateAlertRule.future(rule, timeout=60)
        wait_until(lambda: cluster.servers[0].query(WAITING) == [(1,)], 30)
        request = MoveRunsRequest(run_ids=[run_id], experiment_id=there)
        move = apis[0].runs.MoveRuns.future(request, timeout=60)
        wait_until(lambda: move.done() or cluster.servers[0].query(WAITING) == [(2,)], 30)
    assert list(move.result().run_ids) == [run_id]
    creation.result()
    for experiment, names in ((here, []), (there, ["failed"])):
        listed = ListAlertRulesRequest(experiment_id=experiment)
        assert [each.name for each in apis[2].alerts.ListAlertRules(listed).rules] == names
