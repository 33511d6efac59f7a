"""The lock and the address file beside an SQLite database.

`X.db.lock` is locked by the server of `X.db` for as long as it lives, and by a command that changes
the file, so that no second process writes it; the kernel frees it when the process ends, however it
ends. `X.db.address` says where that server listens.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from runstream.files.own_files import open_lock, open_own, read_address
from runstream.transport.embedded import remove_leftovers
from runstream_service.engine.engine import CannotOpenError


class ServedElsewhereError(CannotOpenError):
    """Another server or command holds the lock of the database."""


class DatabaseLock:
    """Holds the lock of one database from its making to `release`."""

    def __init__(self, database: Path, descriptor: int | None = None) -> None:
        """Take the lock, or take over an inherited descriptor that holds it.

        Raises:
            ServedElsewhereError: another server or command holds it.
            CannotOpenError: the folder does not exist, or cannot be written.
        """
        self._address = database.with_name(database.name + ".address")
        lock = database.with_name(database.name + ".lock")
        try:
            self._descriptor = open_lock(lock) if descriptor is None else descriptor
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            raise CannotOpenError(
                f"the folder {database.parent} of database {database.name} does not exist"
            ) from None
        except BlockingIOError:
            raise ServedElsewhereError(f"database {database} is {self._describe_use()}") from None
        except OSError as error:
            raise CannotOpenError(f"database {database} cannot be locked: {error}") from error
        if descriptor is None:
            with suppress(OSError):  # what is left there changes a text alone
                remove_leftovers(str(database))

    def announce(self, address: str) -> None:
        """Write the address on which the server listens now."""
        draft = self._address.with_name(f"{self._address.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)  # of a killed server
        with open(open_own(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
            file.write(address + "\n")
        draft.replace(self._address)

    def release(self) -> None:
        """Remove the address and free the lock."""
        self._address.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _describe_use(self) -> str:
        try:
            return f"served by another server at {read_address(self._address)}"
        except OSError:
            return "used by another process, a `runstream db` command or a server that starts"
