"""A write whose answer is lost is sent again and undoes nothing that was written meanwhile (P3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from proxy import Proxy
from runstream import Run, TrackingClient
from server_process import ServerProcess


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
    deadline = time.monotonic() + 60
    while not is_so(client.get_run(run_id)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_tag_whose_answer_is_lost_does_not_replace_a_newer_one(
    client: TrackingClient, distant: TrackingClient, proxy: Proxy, run_id: str
) -> None:
    """P3."""
    proxy.swallow_answers()
    distant.set_tag(run_id, "stage", "old")
    wait_for(client, run_id, lambda run: run.data.tags.get("stage") == "old")
    client.set_tag(run_id, "stage", "new")
    client.flush(60)
    assert distant._connection.outbox.backlog()[run_id].settings == 1
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
