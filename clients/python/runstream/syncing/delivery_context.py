"""What the parts of the delivery of one folder share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runstream.syncing.batch_stream import Pace, Server
from runstream.syncing.folder_lease import FolderLease
from runstream.syncing.missing_starts import MissingStarts
from runstream.syncing.results import FolderResult
from runstream.syncing.set_aside import SetAside
from runstream.transport.connection import Connection


class SyncSession(Server, Protocol):
    """What a delivery needs of the session of a server."""

    @property
    def connection(self) -> Connection:
        """Makes calls."""


@dataclass(frozen=True)
class DeliveryContext:
    """From where one delivery takes what it sends, where it sends it, and what comes of it.

    Attributes:
        lease: the folder, and up to where it is delivered.
        session: the server.
        result: where to count.
        set_aside: keeps what is refused and damaged.
        missing: sends starts of runs that the server does not know.
        must_stop: asked now and then; once it says so, no more is sent.
        pace: says when batches and files may be sent; at once, if None.
    """

    lease: FolderLease
    session: SyncSession
    result: FolderResult
    set_aside: SetAside
    missing: MissingStarts
    must_stop: Callable[[], bool]
    pace: Pace | None
