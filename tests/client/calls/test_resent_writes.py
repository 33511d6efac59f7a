"""A write whose answer is lost is sent again and undoes nothing that was written meanwhile (P3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runstream import AlreadyExists, Experiment, Run, TrackingClient
from runstream.v1.logged_model_pb2 import LOGGED_MODEL_READY, LOGGED_MODEL_UPLOAD_FAILED
from runstream.v1.logged_model_service_pb2 import GetLoggedModelRequest
from support.api import Api
from support.proxy import Proxy
from support.server_process import ServerProcess
from support.waiting import wait_until


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[Proxy]:
    proxy = Proxy(server.address)
    yield proxy
    proxy.close()


@pytest.fixture
def distant(proxy: Proxy, run_id: str) -> Iterator[TrackingClient]:
    """A client that reaches the server through the proxy, and has done so."""
    with TrackingClient(proxy.uri) as distant:
        distant.log_metric(run_id, "loss", 1.0)
        distant.flush(60)
        yield distant


def wait_for(client: TrackingClient, run_id: str, is_so: Callable[[Run], bool]) -> None:
    wait_until(lambda: is_so(client.get_run(run_id)), 60)


def test_a_tag_whose_answer_is_lost_does_not_replace_a_newer_one(
    client: TrackingClient, distant: TrackingClient, proxy: Proxy, run_id: str
) -> None:
    """P3."""
    proxy.swallow_answers()
    distant.set_tag(run_id, "stage", "old")
    wait_for(client, run_id, lambda run: run.data.tags.get("stage") == "old")
    client.set_tag(run_id, "stage", "new")
    client.flush(60)
    assert distant._outbox.backlog()[run_id].params_and_tags == 1
    proxy.heal()
    proxy.cut()
    distant.flush(60)
    assert client.get_run(run_id).data.tags["stage"] == "new"
    distant.set_tag(run_id, "stage", "newest")
    distant.flush(60)
    assert client.get_run(run_id).data.tags["stage"] == "newest"


def test_a_status_and_a_name_whose_answer_is_lost_do_not_replace_newer_ones(
    client: TrackingClient, distant: TrackingClient, proxy: Proxy, run_id: str
) -> None:
    """P3."""
    proxy.swallow_answers()
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(distant.update_run, run_id, "FAILED", "old", 1)
        wait_for(client, run_id, lambda run: run.info.run_name == "old")
        client.update_run(run_id, "FINISHED", "new", 2)
        assert not update.done()
        proxy.heal()
        proxy.cut()
        update.result(60)
    info = client.get_run(run_id).info
    assert (info.status, info.run_name, info.end_time) == ("FINISHED", "new", 2)


def test_writes_to_experiments_whose_answers_are_lost_do_not_replace_newer_ones(
    client: TrackingClient, distant: TrackingClient, proxy: Proxy
) -> None:
    """P3: neither does a deletion that is sent again fail."""
    experiment_id = client.create_experiment("first")
    client.set_experiment_tag(experiment_id, "gone", "1")

    def now() -> Experiment:
        return client.get_experiment(experiment_id)

    lost: list[tuple[Callable[[], None], Callable[[], bool], Callable[[], None]]] = [
        (
            lambda: distant.set_experiment_tag(experiment_id, "stage", "old"),
            lambda: now().tags.get("stage") == "old",
            lambda: client.set_experiment_tag(experiment_id, "stage", "new"),
        ),
        (
            lambda: distant.rename_experiment(experiment_id, "old"),
            lambda: now().name == "old",
            lambda: client.rename_experiment(experiment_id, "new"),
        ),
        (
            lambda: distant.delete_experiment_tag(experiment_id, "gone"),
            lambda: "gone" not in now().tags,
            lambda: client.set_experiment_tag(experiment_id, "gone", "not"),
        ),
        (
            lambda: distant.delete_experiment(experiment_id),
            lambda: now().lifecycle_stage == "deleted",
            lambda: client.restore_experiment(experiment_id),
        ),
    ]
    for call, is_applied, newer in lost:
        proxy.swallow_answers()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(call)
            wait_until(is_applied, 60)
            newer()
            assert not running.done()
            proxy.heal()
            proxy.cut()
            running.result(60)
    assert (now().name, now().lifecycle_stage) == ("new", "active")
    assert now().tags == {"stage": "new", "gone": "not"}


def test_a_status_of_a_model_whose_answer_is_lost_does_not_replace_a_newer_one(
    client: TrackingClient, distant: TrackingClient, proxy: Proxy, api: Api
) -> None:
    """P3."""
    model_id = client.create_logged_model().model_id

    def status() -> int:
        request = GetLoggedModelRequest(model_id=model_id)
        return api.models.GetLoggedModel(request).model.info.status

    proxy.swallow_answers()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(distant.finalize_logged_model, model_id, "UPLOAD_FAILED")
        wait_until(lambda: status() == LOGGED_MODEL_UPLOAD_FAILED, 60)
        client.finalize_logged_model(model_id, "READY")
        proxy.heal()
        proxy.cut()
        running.result(60)
    distant.flush()  # the call was kept, to be sent again
    assert status() == LOGGED_MODEL_READY


def test_an_experiment_whose_answer_is_lost_is_created_once_and_its_id_is_known(
    client: TrackingClient, distant: TrackingClient, proxy: Proxy
) -> None:
    """P3."""
    proxy.swallow_answers()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(distant.create_experiment, "mine", None, {"stage": "old"})
        wait_until(lambda: client.get_experiment_by_name("mine") is not None, 60)
        created = client.get_experiment_by_name("mine")
        assert created is not None
        client.set_experiment_tag(created.experiment_id, "stage", "new")
        assert not running.done()
        proxy.heal()
        proxy.cut()
        assert running.result(60) == created.experiment_id
    assert client.get_experiment(created.experiment_id).tags == {"stage": "new"}
    with pytest.raises(AlreadyExists):
        client.create_experiment("mine")


@pytest.mark.parametrize("path", ["a", "a/1.txt", None])
def test_a_deletion_whose_answer_is_lost_deletes_no_file_that_came_later(
    client: TrackingClient, distant: TrackingClient, proxy: Proxy, run_id: str, path: str | None
) -> None:
    """P3."""
    client.log_text(run_id, "old", "a/1.txt")
    proxy.swallow_answers()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(distant.delete_artifacts, run_id, path)
        wait_until(lambda: client.list_artifacts(run_id) == [], 60)
        client.log_text(run_id, "new", "a/1.txt")
        assert not running.done()
        proxy.heal()
        proxy.cut()
        running.result(60)
    assert client.load_text(run_id, "a/1.txt") == "new"
