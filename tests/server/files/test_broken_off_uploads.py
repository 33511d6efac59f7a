"""Which uploads that broke off are given up, and whose."""

from __future__ import annotations

import time
from typing import Any

from runstream_service.access.caller import Caller, ServerRole
from runstream_service.files import staging
from support.artifacts import MIB


def broken_off(name: str, count: int, size: int = 1, seconds: float = 600) -> list[Any]:
    """Return uploads of a user that broke off one after the other, the newest first."""
    caller = Caller(name, ServerRole.WRITER)
    ended = time.time() - seconds
    return [
        (ended - number, size, staging._key(caller, "run", "path", str(number)), (name, number))
        for number in range(count)
    ]


def test_one_who_breaks_off_many_uploads_loses_those_and_others_keep_theirs() -> None:
    others = broken_off("bob", 1, seconds=3_000) + broken_off("", 1, seconds=3_000)
    many, large = broken_off("ada", 1_200), broken_off("ada", 6, size=4 * 2**30)
    lost = [upload[3] for upload in many[250:]]
    assert list(staging.find_expired(many + others)) == lost
    assert list(staging.find_expired(large + others)) == [("ada", 4), ("ada", 5)]


def test_a_caller_keeps_no_more_of_uploads_that_broke_off_than_they_may_store() -> None:
    uploads = broken_off("ada", 3, size=MIB) + broken_off("", 3, size=MIB)
    assert list(staging.find_expired(uploads, 2 * MIB)) == [("ada", 2)]


def test_uploads_of_nobody_are_kept_up_to_what_all_may_have() -> None:
    assert len(list(staging.find_expired(broken_off("", 1_100)))) == 100
