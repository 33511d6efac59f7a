"""Counts the calls of each RPC by how they ended, and how long they took."""

from __future__ import annotations

import time
from collections import Counter, defaultdict

from runstream_service.histogram import Histogram


class MethodCounts:
    """The calls of one RPC over one protocol, on the event loop.

    Attributes:
        open: how many are open.
        codes: how many ended with each code.
        durations: how long those that ended took.
    """

    __slots__ = ("codes", "durations", "open")

    def __init__(self) -> None:
        self.open = 0
        self.codes: Counter[str] = Counter()
        self.durations = Histogram()

    def begin(self) -> float:
        """Count a call that begins; return when."""
        self.open += 1
        return time.perf_counter()

    def end(self, began: float, code: str) -> None:
        """Count the end of a call."""
        self.open -= 1
        self.codes[code] += 1
        self.durations.observe(time.perf_counter() - began)


class CallCounts(defaultdict[tuple[str, str], MethodCounts]):
    """The calls by protocol, `grpc` or `http`, and RPC, such as `RunService/GetRun`.

    The RPCs are those of the contract, so there are never more than they.
    """

    def __init__(self) -> None:
        super().__init__(MethodCounts)
