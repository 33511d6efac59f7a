"""The thread that does the work of a queue."""

from __future__ import annotations

import threading

from runstream.outbox.worker_thread import WorkerThread


def test_what_is_added_while_the_thread_ends_is_done() -> None:
    waiting, done = ["first"], threading.Event()

    def work() -> None:
        while waiting:
            if waiting.pop() == "last":
                done.set()
                return
        waiting.append("last")  # as a call does right after the last look
        assert worker.ensure()

    worker = WorkerThread("work", work, lambda: None)
    assert worker.ensure()
    assert done.wait(60)


def test_the_thread_is_started_again_after_its_end() -> None:
    runs = threading.Semaphore(0)
    worker = WorkerThread("work", runs.release, lambda: None)
    for _ in range(3):
        assert worker.ensure()
        assert runs.acquire(timeout=60)
