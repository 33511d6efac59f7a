"""Child runs: left out of a search, and counted."""

from __future__ import annotations

from typing import Any

import pytest
from grpc import StatusCode

from runstream.v1 import run_service_pb2 as pb
from runstream.v1.experiment_service_pb2 import DeleteExperimentRequest, RestoreExperimentRequest
from runstream.v1.maintenance_service_pb2 import PurgeRequest
from runstream.v1.run_pb2 import ViewType
from runstream.v1.watch_service_pb2 import WatchRequest
from support.api import Api, expect_refusal
from support.named_runs import NamedRuns

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
    assert named.search_names() == "study trial fold alone"
    assert named.search_names(top_level_only=True) == "study alone"
    # Whether the parent is found by the filter makes no difference.
    assert named.search_names("run_name != 'study'", top_level_only=True) == "alone"
    assert (
        named.search_names("", "run_name DESC", top_level_only=True, max_results=1) == "study alone"
    )
    assert named.search_names("", "params.x", top_level_only=True) == "alone study"


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
    assert named.search_names(top_level_only=True) == "kept orphan stray itself"
    only_deleted = ViewType.DELETED_ONLY
    assert named.search_names(top_level_only=True, run_view_type=only_deleted) == "gone deleted"
    found = named.search_names(top_level_only=True, run_view_type=ViewType.ALL)
    assert found == "gone kept stray itself"


def test_of_runs_that_are_above_each_other_the_first_is_at_the_top_level(
    api: Api, named: NamedRuns
) -> None:  # S9
    for size, names in ((1, ["itself"]), (2, ["a", "b"]), (5, [f"r{i}" for i in range(5)])):
        ids = [named.add(name) for name in names]
        for i, run_id in enumerate(ids):
            above = ids[(i + 1) % size]
            api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key=PARENT, value=above))
        below = child(named, f"below {names[-1]}", ids[-1])
        child(named, f"fold of {names[-1]}", below)
    assert named.search_names(top_level_only=True) == "itself a r0"
    assert named.search_names("", "run_name DESC", top_level_only=True) == "r0 itself a"
    assert named.search_names("", "params.x", top_level_only=True) == "r0 a itself"
    count = pb.CountRunsRequest(experiment_ids=["0"], top_level_only=True)
    assert api.runs.CountRuns(count).count == 3
    found = counts(api)
    assert (found["itself"], found["a"], found["b"], found["r4"]) == (1, 1, 2, 2)
    # Where one of them is not there, the circle is none.
    first = api.runs.SearchRuns(pb.SearchRunsRequest(filter="run_name = 'r0'")).runs[0]
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=first.info.run_id))
    assert named.search_names(top_level_only=True) == "itself a r4"


def test_runs_with_a_hundred_above_them_are_at_the_top_level(
    api: Api, named: NamedRuns
) -> None:  # S9
    ids = [named.add("0")]
    for i in range(1, 102):
        ids.append(child(named, str(i), ids[-1]))
    assert named.search_names(top_level_only=True) == "0 100 101"
    api.runs.SetTag(pb.SetTagRequest(run_id=ids[0], key=PARENT, value=ids[-1]))
    assert len(named.search_names(top_level_only=True).split()) == 102


def test_a_child_in_another_experiment_is_at_its_top_level(api: Api, named: NamedRuns) -> None:
    other = api.create_experiment("other")
    study = named.add("study")
    child(named, "abroad", study, experiment_id=other)
    assert named.search_names(top_level_only=True, experiment_ids=[other]) == "abroad"
    assert named.search_names(top_level_only=True, experiment_ids=["0", other]) == "study"
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


def stages(named: NamedRuns) -> tuple[str, str]:
    """The names of the runs that are active, and of those that are deleted."""
    return named.search_names(), named.search_names(run_view_type=ViewType.DELETED_ONLY)


def delete(api: Api, run_id: str, with_children: bool = True) -> None:
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=run_id, with_children=with_children))


def restore(api: Api, run_id: str) -> None:
    api.runs.RestoreRun(pb.RestoreRunRequest(run_id=run_id))


def test_child_runs_are_deleted_with_their_parent_if_asked_and_restored_with_it(
    api: Api, named: NamedRuns
) -> None:  # R2
    study = named.add("study")
    trial = child(named, "trial", study)
    child(named, "fold", trial)
    gone = child(named, "gone", study)
    child(named, "below", gone)
    named.add("alone")
    delete(api, gone, with_children=False)
    delete(api, study)
    assert stages(named) == ("alone", "study trial fold gone below")
    delete(api, trial)  # which changes nothing: it went with its parent
    restore(api, study)
    assert stages(named) == ("study trial fold below alone", "gone")
    delete(api, study, with_children=False)
    assert stages(named) == ("trial fold below alone", "study gone")
    delete(api, study)  # its children now, too
    restore(api, trial)  # and one of them by itself, without what went with the study
    assert stages(named) == ("trial alone", "study fold gone below")
    restore(api, study)
    assert stages(named) == ("study trial fold below alone", "gone")


def test_runs_that_are_each_others_children_are_deleted_and_restored(
    api: Api, named: NamedRuns
) -> None:  # R2
    first = named.add("first")
    second = child(named, "second", first)
    api.runs.SetTag(pb.SetTagRequest(run_id=first, key=PARENT, value=second))
    delete(api, second)
    assert stages(named) == ("", "first second")
    restore(api, second)
    assert stages(named) == ("first second", "")


def test_a_child_whose_experiment_is_deleted_is_not_restored_with_its_parent(
    api: Api, named: NamedRuns
) -> None:  # R2, E3
    other = api.create_experiment("other")
    study = named.add("study")
    child(named, "abroad", study, experiment_id=other)
    delete(api, study)
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=other))
    restore(api, study)
    assert stages(named) == ("study", "abroad")
    api.experiments.RestoreExperiment(RestoreExperimentRequest(experiment_id=other))
    assert stages(named) == ("study", "abroad")
    restore(api, study)
    assert stages(named) == ("study abroad", "")


def test_watchers_are_told_of_children_that_go_and_come_back(api: Api, named: NamedRuns) -> None:
    study = named.add("study")
    fold = child(named, "fold", child(named, "trial", study))
    watching = api.watches.Watch(WatchRequest(run_ids=[fold]))
    next(watching)
    delete(api, study)
    restore(api, study)
    changes = (change for answer in watching for change in answer.changes)
    assert [next(changes).info.lifecycle_stage for _ in range(2)] == ["deleted", "active"]
    watching.cancel()


def test_purged_children_are_not_restored(api: Api, named: NamedRuns) -> None:  # E5
    study = named.add("study")
    child(named, "trial", study)
    delete(api, study)
    list(api.maintenance.Purge(PurgeRequest()))
    with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND"):
        restore(api, study)
    assert stages(named) == ("", "")
