"""A server that takes long with one answer is there; one that answers nothing is away."""

from __future__ import annotations

import socket

import pytest

from runstream import TrackingClient
from runstream.calls import start_calls
from runstream.errors import DeadlineExceeded


def take_too_long() -> None:
    raise DeadlineExceeded("no answer within 10 s")


def test_a_server_that_is_slow_with_one_answer_is_asked_the_next_question(
    client: TrackingClient,
) -> None:
    assert client.ask(take_too_long) is None
    assert not client.is_away
    assert client.ask(lambda: client.create_run().info.status) == "RUNNING"


def test_files_that_a_slow_server_does_not_take_in_time_are_kept_and_it_is_not_away(
    client: TrackingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = client.create_run().info.run_id
    with monkeypatch.context() as slow:
        slow.setattr(client, "_wait_for_earlier", lambda _: take_too_long())
        client.log_text(run_id, "kept", "notes.txt")
    assert not client.is_away
    client.flush()
    assert [file.path for file in client.list_artifacts(run_id)] == ["notes.txt"]


def test_a_server_that_answers_nothing_is_not_asked_again_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(start_calls, "REACH_SECONDS", 0.2)
    monkeypatch.setenv("RUNSTREAM_EXIT_SECONDS", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = TrackingClient(f"grpc://127.0.0.1:{silent.getsockname()[1]}")
        assert client.ask(take_too_long) is None
        assert client.is_away
        client.close()
