"""The connection of a program without a server, which keeps what it logs on its own disk."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from runstream.errors import Unavailable
from runstream.transport.connection import Connection

#: Reason of the Unavailable of every call.
OFFLINE = "OFFLINE"


class OfflineConnection(Connection):
    """A connection over which nothing can be asked: every call raises `Unavailable` at once."""

    def __init__(self, uri: str, folder: str, server: str = "") -> None:
        """Make a connection to nothing.

        Args:
            uri: the tracking URI.
            folder: the spool where what is logged stays.
            server: tracking URI of the server that it names; empty if it names none.
        """
        self._uri = uri
        self._folder = folder
        self._command = f"runstream sync {shlex.quote(folder)}" + ("" if server else " --to URI")
        self.away_until = float("inf")

    @property
    def uri(self) -> str:
        """The tracking URI."""
        return self._uri

    def set_deadline(self, deadline: float) -> None:
        """Do nothing: no call takes time."""

    def end_threads(self) -> None:
        """Do nothing: there are no threads."""

    def reset_after_fork(self) -> None:
        """Do nothing: there are no threads."""

    def call(self, *_: Any, **__: Any) -> NoReturn:
        """Raise the error of a program that is offline."""
        raise Unavailable(
            f"nothing can be read or changed on a server while this program is offline; what it "
            f"logs is kept in {self._folder}, and `{self._command}` sends it",
            reason=OFFLINE,
            folder=self._folder,
        )

    @contextmanager
    def prefetch(self, *_: Any, **__: Any) -> Iterator[Callable[[], Any]]:
        """Raise the error of a program that is offline, when the answer is asked for."""
        yield self.call

    def read_stream(self, *_: Any, **__: Any) -> Generator[Any, None, None]:
        """Raise the error of a program that is offline."""
        self.call()
        yield

    def send_stream(self, *_: Any, **__: Any) -> NoReturn:
        """Raise the error of a program that is offline."""
        self.call()
