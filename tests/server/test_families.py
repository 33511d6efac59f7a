"""Child runs: left out of a search, and counted."""

from __future__ import annotations

from typing import Any

import pytest

from api import Api
from named_runs import NamedRuns
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_pb2 import ViewType

PARENT = "mlflow.parentRunId"


@pytest.fixture
def named(api: Api) -> NamedRuns:
    return NamedRuns(api)


def child(named: NamedRuns, name: str, parent: str, **fields: Any) -> str:
    return named.add(name, tags={PARENT: parent}, **fields)


def counts(api: Api, **fields: Any) -> dict[str, int]:
    request = pb.SearchRunsRequest(with_child_counts=True, **fields)
    runs = api.runs.SearchRuns(request).runs
    return {run.info.run_name: run.child_count for run in runs}


def test_a_search_leaves_out_child_runs_if_asked(named: NamedRuns) -> None:  # S9
    study = named.add("study")
    trial = child(named, "trial", study)
    child(named, "fold", trial)
    named.add("alone")
    assert named.found() == "study trial fold alone"
    assert named.found(top_level_only=True) == "study alone"
    # Whether the parent is found by the filter makes no difference.
    assert named.found("run_name != 'study'", top_level_only=True) == "alone"
    assert named.found("", "run_name DESC", top_level_only=True, max_results=1) == "study alone"
    assert named.found("", "params.x", top_level_only=True) == "alone study"


def test_a_child_whose_parent_is_not_there_is_at_the_top_level(
    api: Api, named: NamedRuns
) -> None:  # S9
    gone, kept = named.add("gone"), named.add("kept")
    child(named, "orphan", gone)
    deleted = child(named, "deleted", kept)
    child(named, "stray", "0" * 32)
    itself = named.add("itself")
    api.runs.SetTag(pb.SetTagRequest(run_id=itself, key=PARENT, value=itself))
    for run in (gone, deleted):
        api.runs.DeleteRun(pb.DeleteRunRequest(run_id=run))
    assert named.found(top_level_only=True) == "kept orphan stray itself"
    only_deleted = ViewType.DELETED_ONLY
    assert named.found(top_level_only=True, run_view_type=only_deleted) == "gone deleted"
    found = named.found(top_level_only=True, run_view_type=ViewType.ALL)
    assert found == "gone kept stray itself"


def test_a_child_in_another_experiment_is_at_its_top_level(api: Api, named: NamedRuns) -> None:
    other = api.new_experiment("other")
    study = named.add("study")
    child(named, "abroad", study, experiment_id=other)
    assert named.found(top_level_only=True, experiment_ids=[other]) == "abroad"
    assert named.found(top_level_only=True, experiment_ids=["0", other]) == "study"
    assert counts(api, experiment_ids=["0"]) == {"study": 0}
    assert counts(api, experiment_ids=["0", other]) == {"study": 1, "abroad": 0}


def test_child_runs_are_counted_if_asked(api: Api, named: NamedRuns) -> None:  # S9
    study = named.add("study")
    children = [child(named, f"trial-{i}", study) for i in range(3)]
    child(named, "fold", children[1])
    assert counts(api) == {"study": 3, "trial-0": 0, "trial-1": 1, "trial-2": 0, "fold": 0}
    assert counts(api, filter="run_name = 'study'") == {"study": 3}
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=children[0]))
    assert counts(api, top_level_only=True) == {"study": 2}
    assert counts(api, run_view_type=ViewType.ALL)["study"] == 3
    list(api.maintenance.Purge(PurgeRequest()))
    assert counts(api, run_view_type=ViewType.ALL)["study"] == 2
    (run, *_) = api.runs.SearchRuns(pb.SearchRunsRequest(filter="run_name = 'study'")).runs
    assert run.child_count == 0
