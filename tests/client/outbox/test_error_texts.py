"""What errors say of how much they are about agrees with it: one thing is, many are."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream.errors import NotFound, Unavailable
from runstream.outbox.batch import Backlog, Batch
from runstream.outbox.delivery_errors import batch_error, flush_timeout_error, undelivered_error


@pytest.mark.parametrize(
    ("backlog", "words"),
    [
        (Backlog(points=1), "1 point was"),
        (Backlog(points=2), "2 points were"),
        (Backlog(params_and_tags=1), "1 param or tag was"),
        (Backlog(params_and_tags=2), "2 params and tags were"),
        (Backlog(lines=1), "1 line of the console was"),
        (Backlog(lines=2), "2 lines of the console were"),
        (Backlog(changes=1), "its start, end or inputs were"),
    ],
)
def test_a_refusal_says_what_was_refused(backlog: Backlog, words: str) -> None:
    batch = Batch("a" * 32, b"", backlog, 1)
    error = batch_error(batch, NotFound("there is none"))
    assert str(error) == f"run {'a' * 32}: {words} refused: there is none"


def test_what_is_not_delivered_is_or_are() -> None:
    one, two = Backlog(params_and_tags=1), Backlog(points=1, params_and_tags=1)
    assert str(undelivered_error(Unavailable("away"), one)) == (
        "away; 1 param or tag is not delivered and stays queued"
    )
    assert str(undelivered_error(Unavailable("away"), two)) == (
        "away; 1 point and 1 param or tag are not delivered and stay queued"
    )
    late = str(flush_timeout_error(one, None, 2, "", Path("spool")))
    assert late == "no answer within 2 s for 1 param or tag; it is kept in spool until it is sent"
    assert str(flush_timeout_error(two, None, 2, "", None)).endswith("; they stay queued")


def test_what_a_run_or_a_model_waits_for_is_counted_in_plain_words() -> None:
    assert str(Backlog(points=1, changes=1, files=1)) == "1 point, 1 change and 1 upload"
    assert str(Backlog(changes=2, files=3)) == "2 changes and 3 uploads"


@pytest.mark.parametrize(
    ("seconds", "words"), [(9.99998, "10 s"), (1234.56, "1234.6 s"), (0.05, "0.05 s"), (0, "0 s")]
)
def test_a_time_is_said_in_rounded_seconds(seconds: float, words: str) -> None:
    late = str(flush_timeout_error(Backlog(points=1), None, seconds, "", None))
    assert late.startswith(f"no answer within {words} for 1 point")
