"""The server of an SQLite file, found or started by the clients themselves.

Beside `X.db` lie three files: `X.db.lock` is locked by the server of `X.db` for as long as it
lives, `X.db.address` says where it listens, and `X.db.log` keeps the stderr of the servers that
clients started. A client that gets the lock starts a server and hands the very same lock over to
it, so of clients that race exactly one starts a server; the others wait for its address.

Such a server listens on a Unix socket in a folder that only its user can enter, and ends by
itself when its last client has been gone for `IDLE_TIMEOUT` seconds. Nothing is used that another
user may have put there (`runstream.files.own_files`).
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runstream.contract.counts import format_seconds
from runstream.errors import FailedPrecondition, PermissionDenied, Unavailable
from runstream.files.own_files import ForeignFileError, check_own, open_lock, open_own, read_address
from runstream.transport.token import VARIABLES

if TYPE_CHECKING:
    from subprocess import Popen

IDLE_TIMEOUT = 30.0

#: Reasons of the errors of `ensure_server`.
NOT_STARTED, NOT_ANSWERING = "SERVER_NOT_STARTED", "SERVER_NOT_ANSWERING"

_FOLDER_PREFIX = "runstream-"
_SOCKET = "grpc.sock"
_MAX_FOLDER_BYTES = 80  # the path of a socket ends at 108, on macOS at 104
_LOG_TAIL_BYTES = 2000
_POLL_SECONDS = 0.02

# `_guard` covers the two sets and is held over every fork. A child must close the locks that it
# inherited: it would keep the database locked after the server is gone.
_guard = threading.Lock()
_locks: set[int] = set()  # descriptors, each open only while its server is being spawned
_children: set[int] = set()  # process ids of the servers this process spawned


class _StartingServer(NamedTuple):
    process: Popen[bytes]
    target: str
    log: str
    log_begin: int


def ensure_server(database: str, timeout: float = 30.0) -> str:
    """Return the gRPC target of the server of an SQLite file, starting one if there is none.

    Call it again when that server is gone: the next one may have another target.

    Args:
        database: absolute path of the file, which need not exist, in a folder that does.
        timeout: seconds to wait for a server that is starting or stopping.

    Raises:
        Unavailable: no server can be started, or none answered in time; the text says why.
        PermissionDenied: another user may have put a file there that is beside the database.
    """
    _reap()
    deadline = time.monotonic() + timeout
    starting = None
    while True:
        starting = starting or _start_if_unserved(database)
        if starting is not None and starting.process.poll() is not None:
            remove_socket(starting.target)
            raise Unavailable(
                f"the server of {database} did not start: {_tail(starting)}",
                reason=NOT_STARTED,
                database=database,
            )
        target = _find_listening(database)
        if target is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            continue
        if starting is not None:
            _detach(starting.process)
        if target is not None:
            return target
        raise Unavailable(
            f"the server of {database} did not answer within {format_seconds(timeout)}; "
            f"see {database}.log, if a client started it",
            reason=NOT_ANSWERING,
            database=database,
        )


def remove_socket(target: str) -> None:
    """Remove the socket of a server that ended, and the folder that was made for it."""
    path = target.removeprefix("unix:")
    folder, name = os.path.split(path)
    if name == _SOCKET and os.path.basename(folder).startswith(_FOLDER_PREFIX):
        with suppress(OSError):
            if check_own(folder, stat.S_IFDIR) and check_own(path, stat.S_IFSOCK):
                os.unlink(path)
        with suppress(OSError):
            os.rmdir(folder)


def address(database: str) -> str:
    """Return what the server of a database has announced, which may be gone; raises OSError."""
    return read_address(f"{database}.address")


def _find_listening(database: str) -> str | None:
    """Return the announced target if something listens there: a killed server leaves it behind."""
    if not os.path.exists(database):  # then its server ends, as soon as it notices
        return None
    try:
        target = address(database)
        if target.startswith("grpcs://"):
            raise FailedPrecondition(
                f"the server of {database} speaks TLS: name it by its tracking URI, {target}, or "
                "with the name in its certificate",
                reason="SERVER_SPEAKS_TLS",
                database=database,
            )
        if target.startswith("unix:"):
            path = target.removeprefix("unix:")
            check_own(path, stat.S_IFSOCK)
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(path)
        else:
            host, _, port = target.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
    except ForeignFileError as error:
        raise _not_ours_error(database, error) from error
    except (OSError, ValueError):
        return None
    return target


def _not_ours_error(database: str, error: ForeignFileError) -> PermissionDenied:
    return PermissionDenied(
        f"the server of {database} is not used: {error}", reason="FILE_NOT_OURS", database=database
    )


def _start_if_unserved(database: str) -> _StartingServer | None:
    """Spawn a server if nobody holds the lock of the database."""
    try:
        lock = _try_lock(database)
        if lock is None:
            return None
        try:
            remove_leftovers(database)
            return _spawn(database, lock)
        finally:
            # Closed and not unlocked: the server holds the same lock and has to keep it.
            _close(lock)
    except ForeignFileError as error:
        raise _not_ours_error(database, error) from error
    except OSError as error:
        folder = os.path.dirname(database)
        cause = error if os.path.isdir(folder) else f"the folder of {database} does not exist"
        raise Unavailable(
            f"the server of {database} cannot be started: {cause}",
            reason=NOT_STARTED,
            database=database,
        ) from error


def _try_lock(database: str) -> int | None:
    with _guard:
        lock = open_lock(f"{database}.lock")
        _locks.add(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _close(lock)
        return None
    except OSError:
        _close(lock)
        raise
    return lock


def _close(lock: int) -> None:
    with _guard:
        _locks.discard(lock)
        os.close(lock)


def remove_leftovers(database: str) -> None:
    """Remove what a killed server left behind: its address, and its socket with the folder.

    The lock of the database is held.
    """
    with suppress(FileNotFoundError):
        remove_socket(address(database))
        os.unlink(f"{database}.address")


def _spawn(database: str, lock: int) -> _StartingServer:
    # Imported here because most processes log to a server that is there already.
    from subprocess import DEVNULL, Popen
    from tempfile import gettempdir, mkdtemp

    temporary = gettempdir()
    if len(os.fsencode(temporary)) > _MAX_FOLDER_BYTES:
        temporary = "/tmp"  # noqa: S108 - mkdtemp makes a folder of ours in it
    target = f"unix:{mkdtemp(prefix=_FOLDER_PREFIX, dir=temporary)}/{_SOCKET}"
    command = [sys.executable, "-m", "runstream", "server"]
    command += ["--database", f"sqlite:///{database}", "--lock-fd", str(lock)]
    command += ["--listen", target, "--idle-timeout", str(IDLE_TIMEOUT)]
    try:
        with open(_open_log(database), "ab") as log:
            log_begin = log.tell()
            process = Popen(  # noqa: S603 - this interpreter, and arguments made above
                command,
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=log,
                cwd="/",
                env={name: os.environ[name] for name in os.environ if name not in VARIABLES},
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C is for the training, not for its server
            )
    except OSError:
        remove_socket(target)
        raise
    return _StartingServer(process, target, f"{database}.log", log_begin)


def _open_log(database: str) -> int:
    return open_own(f"{database}.log", os.O_RDWR | os.O_CREAT | os.O_APPEND)


def _tail(ended: _StartingServer) -> str:
    with open(open_own(ended.log, os.O_RDONLY), "rb") as log:
        log.seek(ended.log_begin)
        text = log.read()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
    return text or f"exit status {ended.process.returncode}"


def _detach(process: Popen[bytes]) -> None:
    """Let a server outlive this process; `_reap` takes note of its end."""
    with _guard:
        _children.add(process.pid)
    process.returncode = 0  # or else Popen warns that the server still runs


def _reap() -> None:
    """Collect the exit status of servers that ended, which are zombies until then."""
    with _guard:
        children = list(_children)
    for child in children:
        try:
            gone, _ = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:  # other code of the program has waited for it
            gone = child
        if gone:
            with _guard:
                _children.discard(gone)


def _after_fork_in_child() -> None:
    for lock in _locks:
        os.close(lock)
    _locks.clear()
    _children.clear()
    _guard.release()


os.register_at_fork(
    before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_after_fork_in_child
)
