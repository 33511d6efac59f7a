"""Batches that change and end runs, and say what they read and made: R3, E3, P3 and X4."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from runstream.rules import MESSAGE_BYTES, VALUE_CHARACTERS
from runstream.v1 import run_service_pb2 as pb
from runstream.v1.logging_service_pb2 import (
    LogBatchRequest,
    LogRequest,
    RunUpdate,
)
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
    RunStatus,
    RunTag,
)
from support.api import Api, make_batch, make_table
from support.run_batches import (
    RunWriter,
    as_log_request,
    everything,
    get,
    make_tags,
    refusal,
    send,
    tags_of,
)


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
    for run in (expected, found):
        (tag,) = (tag for tag in run.data.tags if tag.key == "runstream.resumed")
        assert len(tag.value.splitlines()) == 1
        tag.value = "once"
    assert found == expected
    assert (found.info.status, found.info.end_time) == (FINISHED, 9)
    resumed = {"runstream.resumed": "once"}
    assert tags_of(found) == {"a": "2", "b": "3", "mlflow.runName": "second"} | resumed
