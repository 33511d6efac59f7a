"""Batches that start runs, end them, and say what they read and made: R1, R3, E3, P3 and X4."""

from __future__ import annotations

import itertools
import random
import secrets
from typing import Any

import pytest
from grpc import StatusCode

from runstream.rules import MESSAGE_BYTES, VALUE_CHARACTERS
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.experiment_service_pb2 import (
    DeleteExperimentRequest,
    GetExperimentByNameRequest,
    UpdateExperimentRequest,
)
from runstream.v1.logging_service_pb2 import (
    LogBatchRequest,
    LogRequest,
    RunStart,
    RunUpdate,
)
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    Dataset,
    DatasetInput,
    ModelInput,
    ModelOutput,
    Param,
    Run,
    RunInfo,
    RunStatus,
    RunTag,
    ViewType,
)
from support.api import Api, expect_refusal, make_batch, make_table
from support.run_batches import START_TIME, RunWriter, everything, make_tags


def get(api: Api, run_id: str) -> Run:
    return api.runs.GetRun(pb.GetRunRequest(run_id=run_id)).run


def tags_of(run: Run) -> dict[str, str]:
    return {tag.key: tag.value for tag in run.data.tags}


def send(api: Api, *requests: LogBatchRequest) -> list[RunInfo]:
    """Send batches, none of which may be refused; return the infos of the answers."""
    answers = api.log_batches(requests)
    assert [a.error.message for a in answers if a.HasField("error")] == []
    return [info for answer in answers for info in answer.run_infos]


def refusal(api: Api, request: LogBatchRequest) -> tuple[str, str]:
    """Return the code and the reason by which a batch is refused, on the stream and alone."""
    (answer,) = api.log_batches([request])
    assert not answer.run_infos
    (code,) = [code for code in StatusCode if code.value[0] == answer.error.code]
    with expect_refusal(code, answer.error.reason):
        api.logging.Log(as_log_request(request))
    return code.name, answer.error.reason


def as_log_request(request: LogBatchRequest) -> LogRequest:
    fields = {field.name: value for field, value in request.ListFields()}
    if "metrics" in fields:
        fields["table"] = fields.pop("metrics")
    return LogRequest(**fields)


def is_there(api: Api, run_id: str) -> bool:
    found = api.runs.SearchRuns(
        pb.SearchRunsRequest(filter=f"run_id = '{run_id}'", run_view_type=ViewType.ALL)
    ).runs
    return bool(found)


def test_a_start_makes_the_run_that_create_run_makes(api: Api) -> None:
    experiment = api.create_experiment("same")
    tags = [("a", "1"), ("größe", "δ\n")]
    run = RunWriter()
    (info,) = send(api, run.start(*tags, experiment_id=experiment, run_name="named"))
    created = api.runs.CreateRun(
        pb.CreateRunRequest(
            experiment_id=experiment,
            user_id="ada",
            run_name="named",
            start_time=START_TIME,
            tags=make_tags(tags),
        )
    ).run
    started = get(api, run.run_id)
    assert started.info == info
    created.info.artifact_uri = created.info.artifact_uri.replace(created.info.run_id, run.run_id)
    created.info.run_id = run.run_id
    assert started == created


def test_a_start_without_an_experiment_is_in_the_default_one_and_gets_a_name(api: Api) -> None:
    (info,) = send(api, RunWriter().start())
    assert (info.experiment_id, info.status) == ("0", RUNNING)
    assert info.run_name
    assert tags_of(get(api, info.run_id)) == {"mlflow.runName": info.run_name}
    (named,) = send(api, RunWriter().start(("mlflow.runName", "by a tag")))
    assert named.run_name == "by a tag"


def test_a_start_creates_the_experiment_of_its_name_once(api: Api) -> None:
    infos = send(api, *(RunWriter().start(experiment_name="by name") for _ in range(3)))
    found = api.experiments.GetExperimentByName(
        GetExperimentByNameRequest(experiment_name="by name")
    ).experiment
    assert {info.experiment_id for info in infos} == {found.experiment_id}
    assert infos[0].artifact_uri.startswith(f"{found.artifact_location}/")
    (later,) = send(api, RunWriter().start(experiment_name="by name"))
    assert later.experiment_id == found.experiment_id


def test_answers_have_the_infos_of_starts_and_updates_in_the_order_of_the_requests(
    api: Api,
) -> None:
    runs = [RunWriter() for _ in range(20)]
    requests = []
    for run in runs:
        requests += [run.start(), make_batch(run.run_id, [("m", 1, 1, 1.0)], [("p", "1")])]
    for run in runs:
        requests += [run.end(), RunWriter().end()]  # the latter is refused
    answers = api.log_batches(requests)
    assert answers[-1].answered == len(requests)
    infos = [info for answer in answers for info in answer.run_infos]
    assert [info.run_id for info in infos] == [run.run_id for run in runs] * 2
    assert {info.status for info in infos[:20]} == {RUNNING}
    assert {info.status for info in infos[20:]} == {FINISHED}
    assert [a.error.reason for a in answers if a.HasField("error")] == ["RUN_NOT_FOUND"] * 20


def test_answers_with_long_names_are_not_larger_than_a_message_may_be(api: Api) -> None:
    runs = [RunWriter() for _ in range(100)]
    name = "n" * VALUE_CHARACTERS
    answers = api.log_batches([run.start(run_name=name) for run in runs])
    assert answers[-1].answered == 100
    infos = [info for answer in answers for info in answer.run_infos]
    assert [info.run_id for info in infos] == [run.run_id for run in runs]
    assert max(answer.ByteSize() for answer in answers) < MESSAGE_BYTES / 8


def test_one_batch_may_say_all_of_a_run(api: Api) -> None:
    """The order is start, everything else, update."""
    run = RunWriter()
    request = run.start(("t", "1"), run_name="first")
    request.MergeFrom(
        LogBatchRequest(
            metrics=make_table([("m", 1, 2, 0.5)]),
            params=[Param(key="p", value="1")],
            update=RunUpdate(status=KILLED, end_time=7, run_name="last"),
            **everything(),
        )
    )
    (info,) = send(api, request)
    found = get(api, run.run_id)
    assert found.info == info
    assert (info.status, info.end_time, info.run_name) == (KILLED, 7, "last")
    assert api.read_points(run.run_id) == [("m", 1, 2, 0.5)]
    assert tags_of(found) == {"t": "1", "mlflow.runName": "last"}
    assert [(p.key, p.value) for p in found.data.params] == [("p", "1")]
    assert [each.dataset.name for each in found.inputs.dataset_inputs] == ["d"]
    assert [each.model_id for each in found.inputs.model_inputs] == ["m-read"]
    assert [(each.model_id, each.step) for each in found.outputs.model_outputs] == [("m-made", 3)]
    assert send(api, request) == [info]
    assert get(api, run.run_id) == found


def test_log_answers_the_run_of_a_start_and_of_an_update_alone(api: Api) -> None:
    run = RunWriter()
    started = api.logging.Log(as_log_request(run.start())).run_info
    assert started == get(api, run.run_id).info
    assert not api.logging.Log(
        LogRequest(run_id=run.run_id, tags=[RunTag(key="t", value="v")])
    ).HasField("run_info")
    assert not api.logging.Log(LogRequest(run_id=run.run_id, **everything())).HasField("run_info")
    ended = api.logging.Log(as_log_request(run.end())).run_info
    assert (ended.status, ended) == (FINISHED, get(api, run.run_id).info)


BAD_STARTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no time": ({"start_time": None}, "INVALID_ARGUMENT", "FIELD_MISSING"),
    "name": ({"run_name": "n" * 65_537}, "INVALID_ARGUMENT", "VALUE_TOO_LONG"),
    "user": ({"user_id": "n" * 65_537}, "INVALID_ARGUMENT", "VALUE_TOO_LONG"),
    "two names": ({"run_name": "other"}, "INVALID_ARGUMENT", "RUN_NAME_CONFLICT"),
    "no experiment": ({"experiment_id": "12345"}, "NOT_FOUND", "EXPERIMENT_NOT_FOUND"),
    "malformed": ({"experiment_id": "x"}, "INVALID_ARGUMENT", "EXPERIMENT_ID_MALFORMED"),
    "unnamed": ({"experiment_name": ""}, "INVALID_ARGUMENT", "NAME_EMPTY"),
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_a_start_that_breaks_a_rule_is_refused(api: Api, name: str) -> None:
    fields, code, reason = BAD_STARTS[name]
    run = RunWriter()
    request = run.start(("mlflow.runName", "tagged"), **fields)
    assert refusal(api, request) == (code, reason)
    assert not is_there(api, run.run_id)


def test_the_id_of_a_run_that_starts_is_32_hexadecimal_digits(api: Api) -> None:
    """R1."""
    request = RunWriter("x" * 32).start()
    assert refusal(api, request) == ("INVALID_ARGUMENT", "RUN_ID_MALFORMED")


def test_no_run_starts_in_a_deleted_experiment(api: Api) -> None:
    """E3."""
    experiment = api.create_experiment("deleted")
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=experiment))
    for fields in ({"experiment_name": "deleted"}, {"experiment_id": experiment}):
        run = RunWriter()
        expected = ("FAILED_PRECONDITION", "EXPERIMENT_DELETED")
        assert refusal(api, run.start(**fields)) == expected
        assert not is_there(api, run.run_id)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("user_id", {"user_id": "eve"}),
        ("start_time", {"start_time": 6}),
        ("experiment_id", {"experiment_name": "another one"}),
        ("experiment_id", {"experiment_id": "12345"}),
    ],
)
def test_a_start_with_the_id_of_another_run_is_refused(
    api: Api, field: str, other: dict[str, Any]
) -> None:
    """R1: the name of a run is none of what makes it the same."""
    run = RunWriter()
    send(api, run.start(run_name="first"))
    before = get(api, run.run_id)
    other_writer = RunWriter(run.run_id)
    request = other_writer.start(run_name="second", **other)
    request.params.add(key="p", value="1")
    (answer,) = api.log_batches([request])
    assert (answer.error.reason, answer.error.metadata["field"]) == ("RUN_EXISTS", field)
    assert refusal(api, request) == ("ALREADY_EXISTS", "RUN_EXISTS")
    assert get(api, run.run_id) == before
    if "experiment_name" in other:
        with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            api.experiments.GetExperimentByName(GetExperimentByNameRequest(**other))


def test_a_start_that_comes_again_changes_nothing_whatever_became_of_the_run(api: Api) -> None:
    """P3."""
    run = RunWriter()
    start = run.start(("t", "old"), experiment_name="e", run_name="first", heartbeat=True)
    send(api, start)
    experiment = get(api, run.run_id).info.experiment_id
    send(
        api,
        run.batch(tags=make_tags([("t", "new")])),
        run.batch(update=RunUpdate(status=FAILED, end_time=9, run_name="second")),
    )
    api.experiments.UpdateExperiment(
        UpdateExperimentRequest(experiment_id=experiment, new_name="other")
    )
    before = get(api, run.run_id)
    (info,) = send(api, start)
    assert info == before.info
    assert get(api, run.run_id) == before
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.GetExperimentByName(GetExperimentByNameRequest(experiment_name="e"))


def test_a_start_without_a_write_id_that_comes_again_sets_no_tag(api: Api) -> None:
    run_id = secrets.token_hex(16)
    start = LogBatchRequest(
        run_id=run_id, start=RunStart(start_time=5), tags=make_tags([("t", "old")])
    )
    send(api, start)
    send(api, make_batch(run_id, tags=[("t", "new")]))
    send(api, start)
    assert tags_of(get(api, run_id))["t"] == "new"


def test_a_deleted_run_neither_starts_nor_ends(api: Api) -> None:
    """E3."""
    run = RunWriter()
    start = run.start()
    send(api, start)
    api.runs.DeleteRun(pb.DeleteRunRequest(run_id=run.run_id))
    for request in (start, RunWriter(run.run_id).start(), run.end(), run.batch(**everything())):
        assert refusal(api, request) == ("FAILED_PRECONDITION", "RUN_DELETED")


def test_a_refused_batch_leaves_nothing_of_itself(api: Api) -> None:
    """A batch is applied whole or not at all."""
    run = RunWriter()
    send(api, run.start(("keep", "1")))
    send(api, run.batch(params=[Param(key="lr", value="1")]))
    before = get(api, run.run_id)
    bad: list[dict[str, Any]] = [
        {"params": [Param(key="lr", value="2")]},
        {"deleted_tags": ["keep", "nothing"]},
        {"update": RunUpdate(status=RunStatus.ValueType(77))},
        {"model_outputs": [ModelOutput()]},
        {"model_inputs": [ModelInput(model_id="m" * 256)]},
        {"datasets": [DatasetInput(dataset=Dataset(name="d"))]},
        {"tags": make_tags([("a/", "")])},
    ]
    for fields in bad:
        good = {
            "metrics": make_table([("m", 1, 1, 1.0)]),
            "deleted_tags": ["keep"],
            "tags": make_tags([("new", "1")]),
            "update": RunUpdate(status=FINISHED, end_time=3, run_name="other"),
        }
        request = run.batch(**(good | everything("new") | fields))
        # What other batches of the transaction write stands.
        other = RunWriter()
        answers = api.log_batches([other.start(), request, other.end()])
        assert [answer.answered for answer in answers if answer.HasField("error")] == [2]
        assert get(api, run.run_id) == before
        assert get(api, other.run_id).info.status == FINISHED
        request.write.Clear()
        refusal(api, request)
        assert get(api, run.run_id) == before


def test_a_refused_start_creates_neither_run_nor_experiment(api: Api) -> None:
    for number, fields in enumerate(
        [
            {"params": [Param(key="p"), Param(key="p")]},
            {"deleted_tags": ["nothing"]},
            {"update": RunUpdate(status=RunStatus.ValueType(77))},
        ]
    ):
        run, name = RunWriter(), f"none {number}"
        request = run.start(experiment_name=name)
        request.MergeFrom(LogBatchRequest(**fields))  # type: ignore[arg-type]
        refusal(api, request)
        assert not is_there(api, run.run_id)
        with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
            api.experiments.GetExperimentByName(GetExperimentByNameRequest(experiment_name=name))
    run = RunWriter()
    measuring = as_log_request(run.start(experiment_name="none"))
    measuring.metrics.append(LoggedMetric(key="m", value=1, model_id=f"m-{32 * '0'}"))
    with expect_refusal(StatusCode.NOT_FOUND, "MODEL_NOT_FOUND"):
        api.logging.Log(measuring)
    assert not is_there(api, run.run_id)
    with expect_refusal(StatusCode.NOT_FOUND, "EXPERIMENT_NOT_FOUND"):
        api.experiments.GetExperimentByName(GetExperimentByNameRequest(experiment_name="none"))


def test_tags_are_deleted_before_tags_are_set(api: Api) -> None:
    run = RunWriter()
    send(api, run.start(("a", "1"), ("b", "1"), run_name="n"))
    batch = run.batch(
        deleted_tags=["a", "b", "a", "mlflow.runName"], tags=make_tags([("b", "2"), ("c", "2")])
    )
    send(api, batch)
    expected = {"b": "2", "c": "2", "mlflow.runName": "n"}
    assert tags_of(get(api, run.run_id)) == expected
    send(api, batch)
    assert tags_of(get(api, run.run_id)) == expected
    assert refusal(api, run.batch(deleted_tags=["a"])) == ("NOT_FOUND", "TAG_NOT_FOUND")


def test_an_end_that_comes_again_after_the_run_was_resumed_leaves_it_running(api: Api) -> None:
    """P3."""
    run = RunWriter()
    end = [run.start(), run.end()][1]
    send(api, run.start(), end)
    resume = RunWriter(run.run_id).batch(update=RunUpdate(status=RUNNING, heartbeat=True))
    (resumed,) = send(api, resume)
    assert (resumed.status, resumed.HasField("end_time")) == (RUNNING, False)
    assert send(api, end, resume) == [resumed, resumed]
    assert get(api, run.run_id).info == resumed


def test_an_update_changes_what_update_run_changes(api: Api) -> None:
    run = RunWriter()
    send(api, run.start(run_name="first"))
    for update in (
        RunUpdate(),
        RunUpdate(end_time=5),
        RunUpdate(run_name="second"),
        RunUpdate(status=FAILED, end_time=0),
        RunUpdate(status=RUNNING),
        RunUpdate(status=KILLED, end_time=-5, run_name="third"),
    ):
        (info,) = send(api, run.batch(update=update))
        twin = api.runs.UpdateRun(
            pb.UpdateRunRequest(
                run_id=run.run_id,
                status=update.status,
                end_time=update.end_time if update.HasField("end_time") else None,
                run_name=update.run_name,
            )
        ).run_info
        assert info == twin == get(api, run.run_id).info
        assert tags_of(get(api, run.run_id))["mlflow.runName"] == info.run_name


def story(run: RunWriter) -> list[LogBatchRequest]:
    """Return the batches of a run in which later ones take back what earlier ones did."""
    steps = itertools.count(1)

    def points() -> Any:
        step = next(steps)
        return make_table([("m", step, step, float(step))])

    return [
        run.start(("a", "1"), ("b", "1"), experiment_name="stories", run_name="first"),
        run.batch(metrics=points(), params=[Param(key="p", value="1")]),
        run.batch(tags=make_tags([("a", "2"), ("mlflow.runName", "second")]), metrics=points()),
        run.batch(deleted_tags=["b"], tags=make_tags([("c", "1")])),
        run.batch(tags=make_tags([("b", "3")]), **everything()),
        run.batch(update=RunUpdate(status=FAILED, end_time=5)),
        run.batch(update=RunUpdate(status=RUNNING, heartbeat=True)),
        run.batch(deleted_tags=["c"], metrics=points(), model_outputs=[ModelOutput(model_id="o")]),
        run.batch(metrics=points(), update=RunUpdate(status=FINISHED, end_time=9)),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_batches_that_two_senders_send_at_once_and_again_change_nothing(
    api: Api, seed: int
) -> None:
    """P3: each sends all of them in order, however the two come between each other."""
    chosen = random.Random(seed)
    once, twice = RunWriter(), RunWriter()
    send(api, *story(once))
    batches = story(twice)
    senders = [iter(batches), iter(batches)]
    order = [0] * len(batches) + [1] * len(batches)
    chosen.shuffle(order)
    send(api, *(next(senders[number]) for number in order))
    send(api, *batches, *chosen.choices(batches, k=20))
    expected, found = get(api, once.run_id), get(api, twice.run_id)
    assert api.read_points(once.run_id) == api.read_points(twice.run_id)
    expected.info.artifact_uri, expected.info.run_id = found.info.artifact_uri, twice.run_id
    assert found == expected
    assert (found.info.status, found.info.end_time) == (FINISHED, 9)
    assert tags_of(found) == {"a": "2", "b": "3", "mlflow.runName": "second"}
