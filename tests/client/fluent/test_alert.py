"""`runstream.alert`: row N11 of docs/behaviour.md."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any

import grpc
import pytest

import runstream
from runstream import TrackingClient
from runstream.errors import InvalidArgument
from runstream.outbox.buffer import RunBuffer
from runstream.v1.alert_pb2 import Alert, AlertLevel, LoggedAlert
from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.write_pb2 import WriteId
from support.alerts import alerts_of
from support.api import Api, expect_refusal
from support.server_process import ServerProcess


def told(api: Api, **fields: Any) -> list[tuple[str, str, int]]:
    found: list[Alert] = alerts_of(api, **fields)
    return [(alert.title, alert.text, alert.level) for alert in reversed(found)]


class Level(Enum):
    """Levels as another tracker has them."""

    WARN = "WARN"


def test_a_program_raises_alerts_of_its_run(server: ServerProcess, api: Api) -> None:
    runstream.set_tracking_uri(server.uri)
    with runstream.start_run() as run:
        runstream.alert("low", "it is\nlow")
        run.alert("loss grows", level="error")
        runstream.alert("plateau", level=Level.WARN)
        for _ in range(3):
            runstream.alert("low", "again")
        runstream.alert("low", "at once", wait_duration=0)
        runstream.alert("plateau", "within a day", wait_duration=timedelta(days=1))
    other = TrackingClient(server.uri)
    other.alert(run.info.run_id, "from a service")
    other.flush()
    levels = AlertLevel
    assert told(api, run_id=run.info.run_id) == [
        ("low", "it is\nlow", levels.ALERT_LEVEL_INFO),
        ("loss grows", "", levels.ALERT_LEVEL_ERROR),
        ("plateau", "", levels.ALERT_LEVEL_WARN),
        ("low", "at once", levels.ALERT_LEVEL_INFO),
        ("from a service", "", levels.ALERT_LEVEL_INFO),
    ]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": "x" * 251}, "title"),
        ({"text": "x" * 10_001}, "text"),
        ({"level": "FATAL"}, "level"),
        ({"text": 7}, "text"),
        ({"wait_duration": None}, "wait_duration"),
        ({"wait_duration": "60"}, "wait_duration"),
        ({"wait_duration": -1}, "wait_duration"),
        ({"wait_duration": float("nan")}, "wait_duration"),
        ({"wait_duration": timedelta(seconds=-1)}, "wait_duration"),
    ],
)
def test_an_alert_that_breaks_a_rule_is_refused_at_once(
    client: TrackingClient, run_id: str, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        client.alert(run_id, **{"title": "t", **arguments})
    assert refusal.value.metadata["field"] == field


class RefusingOnce:
    """The owner of a buffer, that raises what a server has refused before, and then takes all."""

    has_raised = False

    def open_buffer(self, buffer: RunBuffer) -> RunBuffer:
        if not self.has_raised:
            self.has_raised = True
            raise InvalidArgument("something before was refused", reason="REFUSED")
        return buffer

    def wake_for(self, buffer: RunBuffer) -> None:
        """Do nothing: nobody sleeps."""

    def wait_until_collected(self) -> None:
        """Do nothing: nothing is collected."""

    def raise_refusals(self, run_id: str) -> None:
        """Raise nothing."""


def test_an_alert_that_could_not_be_raised_is_not_left_out_by_the_next_call() -> None:
    buffer = RunBuffer(RefusingOnce(), secrets.token_hex(16))
    with pytest.raises(InvalidArgument):
        buffer.alert("t", "", "INFO", 60)
    for _ in range(2):
        buffer.alert("t", "", "INFO", 60)
    assert len(buffer.contents.batches) == 1


def test_an_alert_waits_for_a_server_that_is_away_and_is_stored_once(
    server: ServerProcess, client: TrackingClient, run_id: str, connect: Callable[..., Api]
) -> None:
    client.flush()
    server.kill()
    client.alert(run_id, "while it is away")
    client.log_metric(run_id, "loss", 1.0)
    server.restart()
    client.flush()
    client.set_terminated(run_id)
    api = connect(server.address)
    assert told(api, run_id=run_id) == [("while it is away", "", 1)]
    assert client.get_run(run_id).info.status == RunStatus.Name(RunStatus.FINISHED)


def test_a_batch_that_comes_again_raises_its_alerts_once(api: Api) -> None:
    run_id = api.create_run()
    write = WriteId(writer="a" * 32, sequence=1)
    alerts = [LoggedAlert(title=f"t{n}") for n in range(3)]
    for _ in range(2):
        api.logging.Log(LogRequest(run_id=run_id, alerts=alerts, write=write))
    assert [title for title, _, _ in told(api, run_id=run_id)] == ["t0", "t1", "t2"]
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "ALERTS_TOO_MANY"):
        api.logging.Log(LogRequest(run_id=run_id, alerts=alerts * 34))
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "TITLE_EMPTY") as refusal:
        api.logging.Log(LogRequest(run_id=run_id, alerts=[*alerts, LoggedAlert()]))
    assert refusal.metadata["field"] == "alerts[3].title"
    assert len(told(api, run_id=run_id)) == 3
