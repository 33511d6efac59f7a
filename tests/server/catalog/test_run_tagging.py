"""TagRuns: tags of many runs are set and deleted by one call (P7)."""

from __future__ import annotations

import grpc
import pytest

from runstream.rules import VALUE_CHARACTERS
from runstream.v1.run_pb2 import RunStatus, RunTag
from runstream.v1.run_service_pb2 import (
    CreateRunRequest,
    DeleteRunRequest,
    GetRunRequest,
    UpdateRunRequest,
)
from runstream.v1.run_tagging_pb2 import TagRunsRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream.v1.write_pb2 import WriteId
from runstream_service.catalog import run_tagging
from support.api import Api, expect_refusal
from support.named_runs import NamedRuns


@pytest.fixture
def named(api: Api) -> NamedRuns:
    return NamedRuns(api)


def tag(api: Api, run_ids: list[str], *deleted: str, **tags: str) -> None:
    pairs = [RunTag(key=key, value=value) for key, value in tags.items()]
    api.runs.TagRuns(TagRunsRequest(run_ids=run_ids, tags=pairs, deleted_tags=deleted))


def tags(api: Api, run_id: str) -> dict[str, str]:
    found = api.runs.GetRun(GetRunRequest(run_id=run_id)).run.data.tags
    return {each.key: each.value for each in found if each.key != "mlflow.runName"}


def test_tags_of_many_runs_are_set_and_deleted_and_told(api: Api, named: NamedRuns) -> None:
    a = named.add("a", tags={"team": "red", "old": "1"})
    b, c = named.add("b", tags={"old": "2"}), named.add("c", tags={"old": "3"})
    api.runs.UpdateRun(UpdateRunRequest(run_id=a, status=RunStatus.FINISHED))
    assert tags(api, a) == {"team": "red", "old": "1"}  # which is kept in memory, as it has ended
    watch = api.watches.Watch(WatchRequest(experiment_ids=["0"]), timeout=60)
    next(watch)
    tag(api, [a, b, a], "old", "none", "mlflow.runName", team="blue", speed="7.5")
    assert tags(api, a) == tags(api, b) == {"team": "blue", "speed": "7.5"}
    assert tags(api, c) == {"old": "3"}
    assert named.search_names("tags.team = 'blue'") == "a b"
    assert named.search_names("tags.speed > 7") == "a b"
    assert named.search_names("tags.old IS NOT NULL") == "c"
    told = next(answer for answer in watch if answer.changes).changes
    assert {change.run_id for change in told} == {a, b}
    for change in told:
        assert {(each.key, each.value) for each in change.tags} >= {("team", "blue")}
        assert "old" in change.deleted_tags
        assert "mlflow.runName" not in change.deleted_tags
    watch.cancel()


def test_tags_that_are_sent_again_undo_nothing_newer(api: Api, named: NamedRuns) -> None:
    a, b = named.add("a", tags={"team": "red"}), named.add("b")
    write = WriteId(writer=32 * "e", sequence=1)
    request = TagRunsRequest(
        run_ids=[a], tags=[RunTag(key="speed", value="1")], deleted_tags=["team"], write=write
    )
    api.runs.TagRuns(request)
    tag(api, [a], speed="2", team="blue")
    api.runs.TagRuns(request)
    assert tags(api, a) == {"speed": "2", "team": "blue"}
    request.run_ids.append(b)  # to which it was not applied
    api.runs.TagRuns(request)
    assert (tags(api, a)["speed"], tags(api, b)["speed"]) == ("2", "1")
    request.write.sequence = 2
    api.runs.TagRuns(request)
    assert tags(api, a) == {"speed": "1"}


def test_a_name_that_is_set_as_a_tag_is_the_name_of_each(api: Api, named: NamedRuns) -> None:
    runs = [named.add(name) for name in ("a", "b")]
    tag(api, runs, **{"mlflow.runName": "same"})
    assert named.search_names() == "same same"
    tag(api, runs, **{"mlflow.runName": ""})
    assert named.search_names() == "same same"


def test_tags_that_are_refused_change_no_run(api: Api, named: NamedRuns) -> None:
    run, deleted = named.add("a"), named.add("deleted")
    api.runs.DeleteRun(DeleteRunRequest(run_id=deleted))
    bad = grpc.StatusCode.INVALID_ARGUMENT
    many = {f"k{i}": "" for i in range(run_tagging.MAX_TAGS + 1)}
    keys = [f"k{i}" for i in range(run_tagging.MAX_DELETED + 1)]
    for ids, removed, changed, code, reason in (
        ([run, "0" * 32], [], {"x": "1"}, grpc.StatusCode.NOT_FOUND, "RUN_NOT_FOUND"),
        ([run, deleted], [], {"x": "1"}, grpc.StatusCode.FAILED_PRECONDITION, "RUN_DELETED"),
        ([], [], {"x": "1"}, bad, "RUN_IDS_OUT_OF_RANGE"),
        ([run] * (run_tagging.MAX_RUNS + 1), [], {"x": "1"}, bad, "RUN_IDS_OUT_OF_RANGE"),
        ([run], [], many, bad, "TAGS_TOO_MANY"),
        ([run], keys, {}, bad, "TAGS_TOO_MANY"),
        ([run], [], {"no/../way": "1"}, bad, "KEY_MALFORMED"),
        ([run], [], {"x": "v" * (VALUE_CHARACTERS + 1)}, bad, "VALUE_TOO_LONG"),
    ):
        with expect_refusal(code, reason):
            tag(api, ids, *removed, **changed)
    assert tags(api, run) == {}


def test_a_thousand_runs_are_tagged_by_one_call_within_its_limit(api: Api) -> None:
    runs = [
        api.runs.CreateRun(CreateRunRequest(run_name=f"{i}")).run.info.run_id
        for i in range(run_tagging.MAX_RUNS)
    ]
    with expect_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "TAGS_TOO_LARGE"):
        tag(api, runs, note="x" * 20_000)
    many = [RunTag(key=f"k{i}", value="y") for i in range(run_tagging.MAX_TAGS)]
    write = WriteId(writer=32 * "e", sequence=1)
    request = TagRunsRequest(run_ids=runs, tags=many, write=write)
    api.runs.TagRuns(request)
    expected = {each.key: "y" for each in many}
    assert tags(api, runs[0]) == tags(api, runs[-1]) == expected
    tag(api, runs[:500], *expected)
    api.runs.TagRuns(request)
    assert tags(api, runs[0]) == tags(api, runs[499]) == {}
    assert tags(api, runs[500]) == expected
