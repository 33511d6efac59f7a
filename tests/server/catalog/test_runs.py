"""RunService: rows R1 to R3, P1 to P3 and X3 of docs/behaviour.md."""

from __future__ import annotations

import re
import time
from datetime import datetime

import pytest
from grpc import StatusCode

from runstream.v1 import run_service_pb2 as pb
from runstream.v1.run_pb2 import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    SCHEDULED,
    Run,
    RunStatus,
    RunTag,
)
from support import vectors
from support.api import Api, expect_refusal, make_batch

ID = "0123456789abcdef0123456789abcdef"

RESUMED = "runstream.resumed"


def get(api: Api, run_id: str) -> Run:
    return api.runs.GetRun(pb.GetRunRequest(run_id=run_id)).run


def tags_of(run: Run) -> dict[str, str]:
    return {tag.key: tag.value for tag in run.data.tags}


def test_a_run_comes_back_as_it_was_created(api: Api) -> None:
    tags = [RunTag(key="mlflow.user", value="ada"), RunTag(key="größe", value="δ\n")]
    request = pb.CreateRunRequest(
        experiment_id="0", user_id="ada", run_name="first", start_time=1234, tags=tags
    )
    created = api.runs.CreateRun(request).run
    assert created == get(api, created.info.run_id)
    assert re.fullmatch("[0-9a-f]{32}", created.info.run_id)
    assert (created.info.run_name, created.info.user_id) == ("first", "ada")
    assert (created.info.status, created.info.start_time) == (RUNNING, 1234)
    assert not created.info.HasField("end_time")
    assert tags_of(created) == {"mlflow.user": "ada", "größe": "δ\n", "mlflow.runName": "first"}


def test_creating_the_same_run_twice_returns_the_same_run(api: Api) -> None:
    """R1."""
    request = pb.CreateRunRequest(run_id=ID, run_name="n", tags=[RunTag(key="a", value="b")])
    first = api.runs.CreateRun(request).run
    assert api.runs.CreateRun(request).run == first
    unnamed = pb.CreateRunRequest(run_id=ID[::-1])
    assert api.runs.CreateRun(unnamed).run == api.runs.CreateRun(unnamed).run


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("run_name", {"run_name": "m"}),
        ("user_id", {"user_id": "eve"}),
        ("start_time", {"start_time": 6}),
        ("tags", {"tags": [RunTag(key="a", value="c")]}),
    ],
)
def test_a_run_id_with_other_content_is_taken(
    api: Api, field: str, other: dict[str, object]
) -> None:
    """R1."""
    same = {"run_id": ID, "run_name": "n", "user_id": "ada", "start_time": 5}
    api.runs.CreateRun(pb.CreateRunRequest(**same))  # type: ignore[arg-type]
    with expect_refusal(StatusCode.ALREADY_EXISTS, "RUN_EXISTS") as refusal:
        api.runs.CreateRun(pb.CreateRunRequest(**(same | other)))  # type: ignore[arg-type]
    assert refusal.metadata["field"] == field


@pytest.mark.parametrize("run_id", ["x", ID[:-1], ID.upper(), ID + "0", ID + "\n"])
def test_a_run_id_is_32_hexadecimal_digits(api: Api, run_id: str) -> None:
    """R1."""
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "RUN_ID_MALFORMED") as refusal:
        api.runs.CreateRun(pb.CreateRunRequest(run_id=run_id))
    assert refusal.metadata["field"] == "run_id"


def test_name_and_name_tag_are_one_value(api: Api) -> None:
    """R3."""
    tag = RunTag(key="mlflow.runName", value="by-tag")
    run_id = api.runs.CreateRun(pb.CreateRunRequest(tags=[tag])).run.info.run_id
    assert get(api, run_id).info.run_name == "by-tag"
    api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run_id, run_name="by-update"))
    assert tags_of(get(api, run_id))["mlflow.runName"] == "by-update"
    api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key="mlflow.runName", value="by-set-tag"))
    assert get(api, run_id).info.run_name == "by-set-tag"
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "RUN_NAME_CONFLICT"):
        api.runs.CreateRun(pb.CreateRunRequest(run_name="other", tags=[tag]))


def test_a_run_never_has_an_empty_name(api: Api) -> None:
    """R3."""
    run_id = api.runs.CreateRun(pb.CreateRunRequest(run_name="first")).run.info.run_id
    api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run_id, run_name=""))
    api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key="mlflow.runName", value=""))
    api.runs.DeleteTag(pb.DeleteTagRequest(run_id=run_id, key="mlflow.runName"))
    found = get(api, run_id)
    assert (found.info.run_name, tags_of(found)) == ("first", {"mlflow.runName": "first"})
    unnamed = pb.CreateRunRequest(tags=[RunTag(key="mlflow.runName", value="")])
    assert api.runs.CreateRun(unnamed).run.info.run_name


def test_a_run_without_a_name_gets_a_readable_one(api: Api) -> None:
    """R3."""
    names = {api.runs.CreateRun(pb.CreateRunRequest()).run.info.run_name for _ in range(20)}
    assert len(names) > 10
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d{1,3}", name) for name in names)
    assert max(map(len, names)) <= 20


@pytest.mark.parametrize("status", [FINISHED, FAILED, KILLED, SCHEDULED])
def test_status_and_end_time_change_together_or_alone(
    api: Api, status: RunStatus.ValueType
) -> None:
    """R2."""
    run_id = api.create_run()
    request = pb.UpdateRunRequest(run_id=run_id, status=status, end_time=99)
    info = api.runs.UpdateRun(request).run_info
    assert (info.status, info.end_time) == (status, 99)
    assert info == get(api, run_id).info
    info = api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run_id, run_name="x")).run_info
    assert (info.status, info.end_time) == (status, 99)
    info = api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run_id, status=RUNNING)).run_info
    assert not info.HasField("end_time")


def test_a_run_tells_when_it_was_resumed(api: Api) -> None:
    """R2."""
    run_id = api.create_run()

    def set_status(status: RunStatus.ValueType, end_time: int | None = None) -> dict[str, str]:
        request = pb.UpdateRunRequest(run_id=run_id, status=status, end_time=end_time)
        api.runs.UpdateRun(request)
        return tags_of(get(api, run_id))

    assert RESUMED not in set_status(RunStatus.SCHEDULED)
    assert RESUMED not in set_status(RunStatus.RUNNING)
    assert RESUMED not in set_status(RunStatus.FINISHED, 1_700_000_000_123)
    before = time.time_ns() // 1_000_000
    line = set_status(RunStatus.RUNNING)[RESUMED]
    at = line.removeprefix("FINISHED at 2023-11-14T22:13:20.123Z, RUNNING at ")
    resumed = datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp() * 1000
    assert before <= round(resumed) <= time.time_ns() // 1_000_000
    assert set_status(RunStatus.RUNNING)[RESUMED] == line
    for i in range(100):
        set_status(RunStatus.KILLED, i)
        tag = set_status(RunStatus.RUNNING)[RESUMED]
    assert len(tag.splitlines()) == 100
    assert tag.startswith("KILLED at 1970-01-01T00:00:00.000Z, RUNNING at ")


def test_an_update_with_a_bad_field_changes_nothing(api: Api) -> None:
    run_id = api.create_run()
    before = get(api, run_id)
    for fields, reason in (
        ({"status": 77}, "STATUS_UNKNOWN"),
        ({"run_name": "x" * 65_537}, "VALUE_TOO_LONG"),
    ):
        request = pb.UpdateRunRequest(run_id=run_id, **({"status": FAILED} | fields))
        with expect_refusal(StatusCode.INVALID_ARGUMENT, reason):
            api.runs.UpdateRun(request)
    assert get(api, run_id) == before


def test_delete_and_restore_can_be_repeated(api: Api) -> None:
    """R2, E3."""
    run_id = api.create_run()
    for _ in range(2):
        api.runs.DeleteRun(pb.DeleteRunRequest(run_id=run_id))
        assert get(api, run_id).info.lifecycle_stage == "deleted"
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "RUN_DELETED"):
        api.runs.UpdateRun(pb.UpdateRunRequest(run_id=run_id, status=FINISHED))
    with expect_refusal(StatusCode.FAILED_PRECONDITION, "RUN_DELETED"):
        api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key="k", value="v"))
    for _ in range(2):
        api.runs.RestoreRun(pb.RestoreRunRequest(run_id=run_id))
        assert get(api, run_id).info.lifecycle_stage == "active"


def test_a_param_is_set_once(api: Api) -> None:
    """P1."""
    run_id = api.create_run()
    for _ in range(2):
        api.runs.LogParam(pb.LogParamRequest(run_id=run_id, key="lr", value="0.1"))
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "PARAM_IMMUTABLE") as refusal:
        api.runs.LogParam(pb.LogParamRequest(run_id=run_id, key="lr", value="0.2"))
    assert refusal.message == "params.lr is already '0.1', it cannot become '0.2'"
    change = {"field": "params.lr", "old": "0.1", "new": "0.2"}
    assert refusal.metadata == change | {"run_id": run_id}
    assert [(p.key, p.value) for p in get(api, run_id).data.params] == [("lr", "0.1")]


def test_values_are_kept_whole_or_refused(api: Api) -> None:
    """P2."""
    run_id = api.create_run()
    longest = "é" * 65_536
    api.runs.LogParam(pb.LogParamRequest(run_id=run_id, key="p", value=longest))
    api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key="t", value=longest))
    run = get(api, run_id)
    assert run.data.params[0].value == tags_of(run)["t"] == longest
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "VALUE_TOO_LONG") as refusal:
        api.runs.LogParam(pb.LogParamRequest(run_id=run_id, key="q", value=longest + "x"))
    assert (refusal.metadata["field"], refusal.metadata["limit"]) == ("params.q", "65536")
    with expect_refusal(StatusCode.INVALID_ARGUMENT, "VALUE_TOO_LONG"):
        api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key="t", value=longest + "x"))
    assert get(api, run_id) == run


def test_tags_are_overwritten_and_deleted_once(api: Api) -> None:
    """P3, X3."""
    run_id = api.create_run()
    for value in ("a", "b"):
        api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key="k", value=value))
    assert tags_of(get(api, run_id))["k"] == "b"
    api.runs.DeleteTag(pb.DeleteTagRequest(run_id=run_id, key="k"))
    assert "k" not in tags_of(get(api, run_id))
    with expect_refusal(StatusCode.NOT_FOUND, "TAG_NOT_FOUND") as refusal:
        api.runs.DeleteTag(pb.DeleteTagRequest(run_id=run_id, key="k"))
    assert refusal.message == f"No tag with name: k in run with id {run_id}"


def test_an_unknown_run_is_not_found(api: Api) -> None:
    """X3."""
    for call in (
        lambda: api.runs.GetRun(pb.GetRunRequest(run_id=ID)),
        lambda: api.runs.UpdateRun(pb.UpdateRunRequest(run_id=ID, status=FINISHED)),
        lambda: api.runs.DeleteRun(pb.DeleteRunRequest(run_id=ID)),
        lambda: api.runs.RestoreRun(pb.RestoreRunRequest(run_id=ID)),
        lambda: api.runs.LogParam(pb.LogParamRequest(run_id=ID, key="k", value="v")),
        lambda: api.runs.SetTag(pb.SetTagRequest(run_id=ID, key="k", value="v")),
        lambda: api.runs.DeleteTag(pb.DeleteTagRequest(run_id=ID, key="k")),
    ):
        with expect_refusal(StatusCode.NOT_FOUND, "RUN_NOT_FOUND") as refusal:
            call()
        assert refusal.message == f"Run with id={ID} not found"


def test_a_key_may_have_every_character_but_control_characters(api: Api) -> None:
    """M1."""
    run_id = api.create_run()
    keys = [*vectors.KEYS["allowed"], "é" * 250]
    pairs = [(key, key) for key in keys]
    (answer,) = api.log_batches(
        [make_batch(run_id, [(key, 0, 1, 0.5) for key in keys], pairs, pairs)]
    )
    assert not answer.HasField("error")
    data = get(api, run_id).data
    assert sorted(metric.key for metric in data.metrics) == sorted(keys)
    assert {param.key: param.value for param in data.params} == dict(pairs)
    assert tags_of(get(api, run_id)).items() >= dict(pairs).items()
    assert all(api.read_points(run_id, key) == [(key, 0, 1, 0.5)] for key in keys)


@pytest.mark.parametrize("field", ["params", "tags"])
@pytest.mark.parametrize("key", [*vectors.KEYS["refused"], "é" * 251])
def test_keys_of_params_and_tags_follow_the_rule(api: Api, field: str, key: str) -> None:
    """M1."""
    run_id = api.create_run()
    with expect_refusal(StatusCode.INVALID_ARGUMENT, _reason(key)) as refusal:
        if field == "params":
            api.runs.LogParam(pb.LogParamRequest(run_id=run_id, key=key, value="v"))
        else:
            api.runs.SetTag(pb.SetTagRequest(run_id=run_id, key=key, value="v"))
    assert refusal.metadata["field"] == f"{field}.key"


def _reason(key: str) -> str:
    if not key:
        return "KEY_EMPTY"
    return "KEY_TOO_LONG" if len(key) > 250 else "KEY_MALFORMED"
