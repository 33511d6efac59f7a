"""What the server refused, until a call raises it."""

from __future__ import annotations

import tracemalloc

import pytest

from runstream.errors import NotFound
from runstream.outbox.refusals import Refusals
from support.outboxes import RUN


def test_refusals_that_nobody_raises_are_counted_and_take_no_more_memory() -> None:
    refusals = Refusals()
    tracemalloc.start()
    try:
        for number in range(20_000):
            refusals.add(RUN, NotFound(f"no run for batch {number}", reason="RUN_NOT_FOUND"))
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
    refusals.add(RUN, NotFound("of another reason", reason="OTHER"))
    assert refusals.has(RUN, "OTHER")
    refusals.add("b" * 32, NotFound("another"))
    with pytest.raises(NotFound, match=r"no run for batch 0 \(and 20000 more refused batches"):
        refusals.raise_for(RUN)
    refusals.raise_for(RUN)
    assert refusals.run_ids() == {"b" * 32}
