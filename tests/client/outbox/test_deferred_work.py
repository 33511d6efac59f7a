"""Work that is left for later is done in order, and waited for by those whom it concerns."""

from __future__ import annotations

import threading
import time

import pytest

from runstream.errors import DeadlineExceeded
from runstream.outbox import deferred_work
from runstream.outbox.deferred_work import DeferredWork
from runstream.transport.call_limit import limit_calls


def test_work_is_done_in_order_on_one_thread_even_if_it_waits_itself() -> None:
    work, done = DeferredWork(lambda: None, 2), []

    def step(number: int) -> None:
        work.wait("a run", 60)  # work that waits for what it is part of goes on
        done.append((number, threading.current_thread().name))

    for number in range(100):
        work.defer(["a run"], lambda number=number: step(number))  # type: ignore[misc]
    work.wait("a run", 60)
    assert done == [(number, "runstream-deferred") for number in range(100)]


def test_work_goes_on_when_two_calls_came_first_at_the_same_time() -> None:
    """Both start a thread, and either may take the work."""
    for _ in range(50):
        both, failed = threading.Barrier(2, timeout=60), list[DeadlineExceeded]()
        work = DeferredWork(both.wait, 2)

        def step(work: DeferredWork = work, failed: list[DeadlineExceeded] = failed) -> None:
            try:
                work.wait("a run", 0)  # work does not wait for itself
            except DeadlineExceeded as error:
                failed.append(error)

        calls = [threading.Thread(target=work.defer, args=(["a run"], step)) for _ in range(2)]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        work.wait("a run", 60)
        assert failed == []


def test_whoever_it_does_not_concern_does_not_wait() -> None:
    work, go_on = DeferredWork(lambda: None, 2), threading.Event()
    work.defer(["a run", "a model"], lambda: go_on.wait(60))
    work.wait("another run", 0)
    for owner in ("a run", "a model", None):
        with pytest.raises(DeadlineExceeded, match="1 upload that was"):
            work.wait(owner, 0.01)
    go_on.set()
    work.wait(None, 60)


def test_work_is_put_off_while_more_comes_but_not_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deferred_work, "_QUIET_SECONDS", 60)
    work, done = DeferredWork(lambda: None, 0.3), threading.Event()
    start = time.monotonic()
    work.defer(["a run"], done.set)
    assert done.wait(60)
    assert time.monotonic() - start >= 0.3


def test_work_beyond_the_limit_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferred_work, "LIMIT", 3)
    monkeypatch.setattr(deferred_work, "ROOM_SECONDS", 0.01)
    work, go_on = DeferredWork(lambda: None, 2), threading.Event()
    for _ in range(3):
        work.defer(["a run"], lambda: go_on.wait(60))
    with pytest.raises(DeadlineExceeded, match=r"after 0\.01 s"):
        work.defer(["a run"], lambda: None)
    monkeypatch.setattr(deferred_work, "ROOM_SECONDS", 600)
    with limit_calls(0), pytest.raises(DeadlineExceeded, match="after 0 s"):  # the time it waited
        work.defer(["a run"], lambda: None)
    go_on.set()
    work.wait(None, 60)
