"""How many entries of the audit log calls that failed may make, and those of strangers.

Each caller has a share of their own, so that a flood of one hides nothing of others. What is left
out is counted, and an entry says how many calls there were.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

#: Calls of one caller that failed, and are recorded in one flush.
FAILURES_AT_ONCE = 50

#: Calls of strangers, who are known by no name, that are recorded in an hour: of one address, and
#: of all. Whoever knocks all day must not fill the disk.
STRANGER_IN_HOUR = 500
STRANGERS_IN_HOUR = 1_000
_HOUR = 3_600_000

# Milliseconds between the entries that say how many calls of strangers were left out.
_STRANGERS_LEFT_OUT = 60_000

# Callers that are counted apart in one flush; those beyond share what one has, and have no name in
# the entry of what was left out.
_COUNTED = 1_000

# What an entry has where the calls that it stands for differ.
_SEVERAL = "several"

_PORT = re.compile(r":\d+\Z")


class Call(NamedTuple):
    """A call of the audit log.

    Attributes:
        time: when it ended, in milliseconds since the epoch.
        user_name: who called; empty if they are not known.
        peer: the address of the caller.
        method: the name of the RPC, or the verb and the path of a route that is of none.
        subject: what it was about.
        code: the code by which it ended.
    """

    time: int
    user_name: str
    peer: str
    method: str
    subject: str
    code: str


class AuditBounds:
    """Counts calls that failed, by their callers, and those of strangers."""

    def __init__(self) -> None:
        self._failures: Counter[str] = Counter()  # by name, of this flush
        self._strangers: Counter[str] = Counter()  # by address, of this flush
        self._strangers_in_hour: Counter[str] = Counter()  # by address
        self._hour_end = 0
        self._left_out = _LeftOut()
        self._strangers_left_out = _LeftOut()
        self._strangers_due = 0

    def admit_failure(self, call: Call) -> bool:
        """Count a call of a known caller that failed; return whether it is one to record."""
        name = call.user_name
        if name not in self._failures and len(self._failures) >= _COUNTED:
            name = ""
        if self._failures[name] >= FAILURES_AT_ONCE:
            self._left_out.add(call, name)
            return False
        self._failures[name] += 1
        return True

    def admit_stranger(self, call: Call) -> bool:
        """Count a call of a stranger, however it ended; return whether it is one to record."""
        if call.time >= self._hour_end:
            self._strangers_in_hour.clear()
            self._hour_end = call.time + _HOUR
        address = address_of(call.peer)
        if (
            self._strangers[address] >= FAILURES_AT_ONCE
            or self._strangers_in_hour[address] >= STRANGER_IN_HOUR
            or self._strangers_in_hour.total() >= STRANGERS_IN_HOUR
        ):
            self._strangers_left_out.add(call, "")
            return False
        self._strangers[address] += 1
        self._strangers_in_hour[address] += 1
        return True

    def reset(self, time: int, *, is_last: bool) -> list[Call]:
        """Begin another flush; return the entries of what was left out.

        Those of strangers come once a minute, as they are bounded by the hour.

        Args:
            time: now, in milliseconds since the epoch.
            is_last: whether there is no flush after this one.
        """
        self._failures.clear()
        self._strangers.clear()
        entries = self._left_out.take()
        if time >= self._strangers_due or is_last:
            strangers = self._strangers_left_out.take()
            if strangers:
                self._strangers_due = time + _STRANGERS_LEFT_OUT
            entries += strangers
        return entries


class _LeftOut:
    """Calls that are not recorded one by one; there is one entry for those of each caller."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Call, int]] = {}

    def add(self, call: Call, name: str) -> None:
        """Count a call as one of this name."""
        call = call._replace(user_name=name, peer=address_of(call.peer))
        before, count = self._calls.get(name, (call, 0))
        peer, method, code = (
            one if one == other else _SEVERAL
            for one, other in (
                (before.peer, call.peer),
                (before.method, call.method),
                (before.code, call.code),
            )
        )
        self._calls[name] = Call(call.time, name, peer, method, "", code), count + 1

    def take(self) -> list[Call]:
        """Return the entries, and count from nothing."""
        entries = [
            call._replace(subject=f"{count} more were left out")
            for call, count in self._calls.values()
        ]
        self._calls.clear()
        return entries


def address_of(peer: str) -> str:
    """Return the address of a peer without its port, which each connection has another of."""
    return _PORT.sub("", peer) if peer.startswith(("ipv4:", "ipv6:")) else peer
