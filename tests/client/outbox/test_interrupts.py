"""An interrupt at any moment of a call leaves nothing behind: no point is lost, nothing hangs."""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from collections.abc import Callable

import pytest

from runstream import Metric, TrackingClient
from support.interrupts import Interrupted, interrupt_at, run_in_own_thread


class Logged:
    """What was logged: what calls took for sure, and what those that were interrupted may have."""

    def __init__(self) -> None:
        self.taken: set[tuple[str, int]] = set()
        self.maybe: set[tuple[str, int]] = set()

    def call(self, points: list[tuple[str, int]], call: Callable[[], object]) -> bool:
        """Do a call that logs some points; return whether it was interrupted."""
        self.maybe.update(points)
        try:
            call()
        except Interrupted:
            return True
        self.taken.update(points)
        return False

    def check(self, client: TrackingClient, run_id: str) -> None:
        """Check that what is stored is what was taken, each once."""
        client.flush(60)
        batches = client._outbox.batches
        assert batches.lock.acquire(timeout=10)
        batches.lock.release()
        assert len(client._outbox.waits._list) == 0
        assert client._outbox.backlog() == {}
        parts = list(client.read_metric_history(run_id))
        stored = [(part.key, step) for part in parts for step in part.step]
        assert len(stored) == len(set(stored))
        assert self.taken <= set(stored) <= self.maybe


numbers = itertools.count(1)


def point(logged: Logged, client: TrackingClient, run_id: str) -> bool:
    step = next(numbers)
    return logged.call(
        [("known", step)], lambda: client.log_metric(run_id, "known", 0.5, step=step, timestamp=1)
    )


def first_point(logged: Logged, client: TrackingClient, run_id: str) -> bool:
    step = next(numbers)
    key = f"new{step}"
    return logged.call([(key, step)], lambda: client.log_metric(run_id, key, 0.5, step=step))


def several(logged: Logged, client: TrackingClient, run_id: str) -> bool:
    step = next(numbers)
    values = {"known": 0.5, f"new{step}": 1.5}
    return logged.call(
        [(key, step) for key in values],
        lambda: client.log_metrics(run_id, values, step=step, timestamp=1),
    )


def batch(logged: Logged, client: TrackingClient, run_id: str) -> bool:
    step = next(numbers)
    rows = [Metric("known", 0.5, 1, step), Metric(f"new{step}", 0.5, 1, step)]
    pairs = {f"p{step}": step}
    return logged.call(
        [(row.key, step) for row in rows], lambda: client.log_batch(run_id, rows, pairs, pairs)
    )


def flush(logged: Logged, client: TrackingClient, run_id: str) -> bool:
    interrupted = point(logged, client, run_id)
    return logged.call([], lambda: client.flush_run(run_id, timeout=60)) or interrupted


@pytest.mark.parametrize("call", [point, first_point, several, batch, flush])
@run_in_own_thread
def test_a_call_that_is_interrupted_at_any_instruction_leaves_nothing_behind(
    client: TrackingClient, run_id: str, call: Callable[[Logged, TrackingClient, str], bool]
) -> None:
    logged = Logged()
    point(logged, client, run_id)
    interrupts = 0
    for instruction in itertools.count():
        with interrupt_at(instruction):
            was_interrupted = call(logged, client, run_id)
        if not was_interrupted:
            break
        interrupts += 1
        point(logged, client, run_id)
        if interrupts % 50 == 0:
            client.flush(60)
    assert interrupts > 20
    logged.check(client, run_id)
    run = client.get_run(run_id)
    params, tags = run.data.params, run.data.tags
    assert all(tags[key] == value for key, value in params.items())


def test_a_client_that_is_interrupted_while_it_is_made_hinders_no_other(
    client: TrackingClient,
) -> None:
    """A second thread makes one after each interrupt: it would wait for ever for a lock."""
    for instruction in itertools.count():
        uri = f"{client.tracking_uri.rpartition(':')[0]}:{1 + instruction}"
        try:
            with interrupt_at(instruction):
                TrackingClient(uri)
        except Interrupted:
            other = threading.Thread(target=TrackingClient, args=[uri], daemon=True)
            other.start()
            other.join(10)
            assert not other.is_alive()
        else:
            break
    assert instruction > 100


# One that comes while a weak reference is dropped is swallowed by Python, which only reports it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_hundreds_of_interrupts_at_random_moments_lose_nothing(
    client: TrackingClient, run_id: str
) -> None:
    logged = Logged()
    interrupts = 0

    def interrupt(*_: object) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, random.uniform(0.0002, 0.004))
        raise Interrupted

    def work() -> None:
        nonlocal interrupts
        while interrupts < 400 and time.monotonic() < give_up:
            call = random.choice([point, point, point, several, batch, flush])
            interrupts += call(logged, client, run_id)

    give_up = time.monotonic() + 20
    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        while interrupts < 400 and time.monotonic() < give_up:
            try:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
                work()
            except Interrupted:  # in the code of the test
                interrupts += 1
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    assert interrupts > 100
    logged.check(client, run_id)
