"""The audit log: who changed what and from where, and what was refused to whom.

Entries are never changed; they are deleted when they are older than the retention time. They name
things and hold no values. A server that authenticates nobody writes none.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
import socket
import time
from contextlib import suppress
from functools import cache
from typing import Any

from runstream.errors import RunstreamError, shorten
from runstream_service.access.audit_bounds import AuditBounds, Call
from runstream_service.access.authentication import Authentication
from runstream_service.access.caller import Caller
from runstream_service.access.token_text import hide_tokens
from runstream_service.access.visibility import check_admin
from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import AuditEntry
from runstream_service.engine.writer import Writer

log = logging.getLogger(__name__)

#: A method that only reads has a name that begins with one of these.
READ_PREFIXES = ("Get", "Search", "List", "Count", "Group", "Read", "Watch", "Download")

#: Seconds after which entries are written at the latest.
FLUSH_SECONDS = 0.5

# Entries that wait for the database. Beyond this, those that come are lost.
_WAITING = 20_000

# Seconds between the lines of the log that say how many are lost.
_LOST_LOG_SECONDS = 10.0

# Methods that a training program calls over and over, which are written once in so many seconds.
_FREQUENT_PREFIXES = ("Log", "SendHeartbeat", "Heartbeat")
_FREQUENT_SECONDS = 60.0

_REFUSALS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED"})
_NAMES = (
    "experiment_id",
    "run_id",
    "run_ids",
    "model_id",
    "document_id",
    "rule_id",
    "token_id",
    "user_name",
    "grantee",
    "role",
    "name",
    "version",
    "alias",
    "stage",
    "source",
    "path",
)
_SUBJECT_CHARACTERS = 500
_DAY = 86_400_000

_COLUMNS = (
    AuditEntry.time,
    AuditEntry.user_name,
    AuditEntry.peer,
    AuditEntry.method,
    AuditEntry.subject,
    AuditEntry.code,
)
_INSERT = Statement(AuditEntry.insert(dict(zip(_COLUMNS, (0, "", "", "", "", ""), strict=True))))
_DELETE_OLD = Statement(AuditEntry.delete().where(AuditEntry.time < 0))


class AuditLog:
    """Collects entries, and writes them together.

    There are none as long as the server authenticates nobody.
    """

    def __init__(self, writer: Writer, authentication: Authentication, days: int) -> None:
        """Collect for a database.

        Args:
            writer: its writer.
            authentication: knows whether callers are authenticated.
            days: how long entries are kept; 0 for ever.
        """
        self._authentication = authentication
        self._writer, self._days = writer, days
        self._entries: list[Call] = []
        self._bounds = AuditBounds()
        self._lost = self._lost_logged = 0
        self._lost_logged_at = -_LOST_LOG_SECONDS
        self._frequent: set[tuple[str, str, str]] = set()
        self._frequent_until = 0

    def record(
        self, caller: Caller | None, peer: str, method: str, subject: str, code: str
    ) -> None:
        """Record a call that changes something, or that is refused.

        Args:
            caller: who called; None if they are not known.
            peer: the address of the caller.
            method: the name of the RPC, or the verb and the path of a route that is of none.
            subject: what it was about, as `subject_of`.
            code: the code of gRPC by which it ended.
        """
        if self._authentication.is_open:
            return
        call = Call(now(), caller.name if caller else "", peer, method, subject, code)
        if caller is None:
            is_admitted = self._bounds.admit_stranger(call)
        elif code not in _REFUSALS and self._is_repeated(call):
            return
        else:
            is_admitted = not _has_failed(call) or self._bounds.admit_failure(call)
        if is_admitted:
            self._add(call)

    def _add(self, call: Call) -> None:
        if len(self._entries) < _WAITING:
            self._entries.append(call)
        else:
            self._lost += 1
            self._log_lost()  # here, too, as a database that hangs holds up what writes regularly

    def _is_repeated(self, call: Call) -> bool:
        """Return whether a call that programs make over and over was recorded a moment ago."""
        if not call.method.startswith(_FREQUENT_PREFIXES):
            return False
        if call.time >= self._frequent_until or len(self._frequent) >= _WAITING:
            self._frequent.clear()
            self._frequent_until = call.time + round(1000 * _FREQUENT_SECONDS)
        what = call.user_name, call.method, call.subject
        if what in self._frequent:
            return True
        self._frequent.add(what)
        return False

    async def write_regularly(self) -> None:
        """Write what was recorded, and delete what is too old, until cancelled."""
        deleted_until = 0
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self._log_lost()
            with suppress(RunstreamError):  # the next time may do better
                await self.flush()
                if self._days and now() - deleted_until > _DAY // 24:
                    deleted_until = now()
                    await self._writer.submit(_DELETE_OLD.run, now() - self._days * _DAY)

    def _log_lost(self) -> None:
        seconds = time.monotonic() - self._lost_logged_at
        if self._lost > self._lost_logged and seconds >= _LOST_LOG_SECONDS:
            log.error(
                "entries of the audit log are lost, %d since the start: %d wait for the database",
                self._lost,
                len(self._entries),
            )
            self._lost_logged, self._lost_logged_at = self._lost, time.monotonic()

    async def flush(self, *, is_last: bool = False) -> None:
        """Write what was recorded; what cannot be written stays recorded.

        Args:
            is_last: whether there is no flush after this one.
        """
        for left_out in self._bounds.reset(now(), is_last=is_last):
            self._add(left_out)
        entries = self._entries[:]
        if entries:
            await self._writer.submit(_INSERT.run_for_each, entries)
            del self._entries[: len(entries)]


def record_command(command: str, subject: str) -> None:
    """Record what a command of this machine changes, in the transaction that changes it.

    The server knows nobody by the name that the operating system has for them, so this is a part of
    the address, `local:USER@HOST`, and not the name of a user.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        user = str(os.getuid())
    peer = printable(f"local:{user}@{socket.gethostname()}")
    _INSERT.run(now(), "", peer, command, printable(subject), "OK")


def _has_failed(call: Call) -> bool:
    # Clients cancel streams that log when all is answered.
    return call.code != "OK" and (call.code, call.method) != ("CANCELLED", "LogBatch")


def is_recorded(method: str, code: str) -> bool:
    """Return whether a call of an RPC that ended so is one for the audit log."""
    return code in _REFUSALS or not method.startswith(READ_PREFIXES)


def subject_of(request: Any) -> str:
    """Return the names of what a request is about, such as `run_id=… path=…`."""
    texts = []
    for name, enum in _names_of(request.DESCRIPTOR):
        if value := getattr(request, name):
            known = enum and enum.values_by_number.get(value)
            texts.append(f"{name}={known.name if known else value}")
    return printable(" ".join(texts))


@cache
def _names_of(message: Any) -> list[tuple[str, Any]]:
    """Return which of the names a message has, by its descriptor, and what each enumerates."""
    fields = message.fields_by_name
    return [(name, fields[name].enum_type) for name in _NAMES if name in fields]


def printable(text: str) -> str:
    """Return the beginning of a text that a caller sent, for a line of a log.

    A token in it, put by mistake into a path, is masked.
    """
    shortened = shorten(hide_tokens(text), _SUBJECT_CHARACTERS)
    if shortened.isprintable():
        return shortened
    return "".join(letter if letter.isprintable() else "?" for letter in shortened)


def page(
    caller: Caller, user_name: str, method: str, start_time: int, before: int, limit: int
) -> list[AuditEntry]:
    """Return entries, the newest first.

    Args:
        caller: who asks.
        user_name: who called; empty for everybody.
        method: what they called; empty for everything.
        start_time: when at the earliest, in milliseconds since the epoch.
        before: they have ids less than this one; 0 for no limit.
        limit: how many at the most.

    Raises:
        PermissionDenied: the caller is no admin.
    """
    check_admin(caller)
    query = AuditEntry.select().order_by(AuditEntry.id.desc()).limit(limit)
    if before:
        query = query.where(AuditEntry.id < before)
    if user_name:
        query = query.where(AuditEntry.user_name == user_name)
    if method:
        query = query.where(AuditEntry.method == method)
    if start_time:
        query = query.where(AuditEntry.time >= start_time)
    return list(query)
