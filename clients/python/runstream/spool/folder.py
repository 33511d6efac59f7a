"""The folder of a process in a spool: what it has, how it is made, found and removed."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from runstream.files.own_files import make_own_folder
from runstream.spool.file_locks import FileLock, NotLocked, lock_file
from runstream.spool.log_files import list_files
from runstream.spool.log_writer import sync_folder
from runstream.spool.open_file import OpenFile, read_start
from runstream.v1.spool_pb2 import SpoolInfo

#: Version of the format of docs/spool.md.
FORMAT = 1

_INFO_NAME = "spool.json"
_INFO_BYTES = 64 * 1024
_MAX_HOST_CHARACTERS = 64
_COPY_BYTES = 1024 * 1024


class SpoolFolder:
    """The folder of a process, by its path; nothing of it is open.

    Attributes:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def batches(self) -> Path:
        """The folder of the log of batches."""
        return self.path / "batches"

    @property
    def tasks(self) -> Path:
        """The folder of the log of tasks, which is made with the first one."""
        return self.path / "tasks"

    @property
    def files(self) -> Path:
        """The folder of files to upload, which is made with the first one."""
        return self.path / "files"

    @property
    def refused(self) -> Path:
        """The file of what the server refused."""
        return self.path / "refused.log"

    @property
    def damaged(self) -> Path:
        """The folder of bytes that are no frames."""
        return self.path / "damaged"

    def read_info(self) -> SpoolInfo:
        """Return what the folder says of itself.

        Raises:
            FileNotFoundError: there is no such folder, or it is none of a spool.
            ValueError: its file is damaged, or of a newer format.
        """
        from google.protobuf import json_format

        path = self.path / _INFO_NAME
        try:
            text = read_start(path, _INFO_BYTES).decode()
            info = json_format.Parse(text, SpoolInfo(), ignore_unknown_fields=True)
        except (UnicodeDecodeError, RecursionError, json_format.ParseError) as error:
            raise ValueError(f"{path} is damaged: {error}") from None
        if info.format != FORMAT:
            raise ValueError(f"{path} has format {info.format}; this version knows {FORMAT}")
        return info

    def lock_writer(self) -> FileLock | NotLocked:
        """Take `writer.lock`, which only a process gets whose writer is gone.

        Raises:
            OSError: the folder is gone, or cannot be read.
        """
        return lock_file(self.path / "writer.lock")

    def lock_delivery(self) -> FileLock | NotLocked:
        """Take `delivery.lock`, without which nothing of the folder may be changed.

        Raises:
            OSError: the folder is gone, or cannot be read.
        """
        return lock_file(self.path / "delivery.lock")

    def count_bytes(self) -> int:
        """Return how many bytes the files of the folder have."""
        size = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):
                    size += os.lstat(os.path.join(folder, name)).st_size
        return size

    def count_damaged(self) -> int:
        """Return how many bytes are kept that are no frames."""
        if not self.damaged.is_dir():
            return 0
        return sum(one.lstat().st_size for one in self.damaged.iterdir())

    def set_aside(self, log: Path, file: int, offset: int, size: int) -> Path:
        """Copy bytes of a log that are no frames into `damaged`; return where they are.

        Args:
            log: folder of the log.
            file: number of the file.
            offset: where they begin in it.
            size: how many they are.

        Raises:
            OSError: they cannot be copied.
        """
        self.damaged.mkdir(mode=0o700, exist_ok=True)
        target = self.damaged / f"{log.name}-{file:08}-{offset:010}"
        source = OpenFile(log / f"{file:08}.log", os.O_RDONLY)
        copy = OpenFile(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            end = offset + size
            while offset < end:
                data = os.pread(source.descriptor, min(_COPY_BYTES, end - offset), offset)
                if not data:
                    break
                offset += os.write(copy.descriptor, data)
        finally:
            source.close()
            copy.close()
        return target

    def remove(self) -> None:
        """Remove the folder and all that is in it; doing it twice is fine.

        Raises:
            OSError: a file cannot be removed, or the path is a link.
        """
        doomed = self.path.with_name(f".{self.path.name.removeprefix('.')}.removed")
        if stat.S_ISLNK(_mode(self.path)):
            raise OSError(errno.ELOOP, "a link is no folder of a spool", str(self.path))
        with suppress(FileNotFoundError):
            self.path.rename(doomed)  # readers pass over names with a dot
        for folder, below, names in os.walk(doomed, topdown=False):
            for name in names:
                os.unlink(os.path.join(folder, name))
            for name in below:  # links to folders are there, too, and are not followed
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    os.unlink(path)
            os.rmdir(folder)


class OwnFolder(SpoolFolder):
    """The folder that this process writes to.

    Its locks are let go of by `close`, and by the end of the process. In a forked child they are
    not held, and the folder is its parent's alone.

    Attributes:
        info: what the folder says of itself.
        delivers: whether this process has `delivery.lock`, so that it may move cursors and remove
            files.
    """

    def __init__(self, path: Path, info: SpoolInfo, locks: list[FileLock], delivers: bool) -> None:
        super().__init__(path)
        self.info = info
        self.delivers = delivers
        self._locks = locks

    def close(self) -> None:
        """Leave the folder to whoever delivers what is in it."""
        for lock in self._locks:
            lock.release()

    def remove(self) -> None:
        """Remove the folder, whose content is answered.

        Raises:
            OSError: a file cannot be removed.
        """
        super().remove()
        self.close()


def create_folder(
    spool: Path,
    tracking_uri: str,
    program: str = "",
    delivers: bool = True,
    is_synced: bool = False,
) -> OwnFolder:
    """Make the folder of this process for a server; no reader sees it before it is locked.

    Where the file system has no locks the folder has none, and nobody else changes it.

    Args:
        spool: the spool, which is made if it is not there.
        tracking_uri: of the server, without a token; empty if it is not known.
        program: what this process runs, for people.
        delivers: whether this process delivers what it writes, and so takes `delivery.lock`.
        is_synced: whether it survives a crash of the machine.

    Raises:
        OSError: it cannot be made.
    """
    make_own_folder(spool)
    info = SpoolInfo(
        format=FORMAT,
        tracking_uri=tracking_uri,
        host=socket.gethostname(),
        process_id=os.getpid(),
        program=program,
        created=time.time_ns() // 1_000_000,
    )
    name = _folder_name(info)
    draft = SpoolFolder(spool / f".{name}")
    draft.path.mkdir(mode=0o700)
    locks: list[FileLock] = []
    try:
        draft.batches.mkdir(mode=0o700)
        _write_info(draft.path / _INFO_NAME, info, is_synced)
        taken = [draft.lock_writer(), *([draft.lock_delivery()] if delivers else [])]
        locks = [lock for lock in taken if isinstance(lock, FileLock)]
        if is_synced:
            sync_folder(draft.path)
        draft.path.rename(spool / name)
        if is_synced:
            sync_folder(spool)
    except BaseException:
        for lock in locks:
            lock.release()
        with suppress(OSError):
            draft.remove()
        raise
    return OwnFolder(spool / name, info, locks, delivers)


def _folder_name(info: SpoolInfo) -> str:
    """Return a name that no other folder has: HOST-PID-8HEX."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "_", info.host).lstrip(".")[:_MAX_HOST_CHARACTERS]
    return f"{host or 'host'}-{info.process_id}-{secrets.token_hex(4)}"


def list_folders(spool: Path) -> list[SpoolFolder]:
    """Return the folders of a spool, the oldest first; none if there is no spool.

    What a process starts, others log to, as its forked children do: what it wrote comes first.
    """
    return [folder for _, folder in sorted(_find_folders(spool), key=lambda found: found[0])]


def _find_folders(spool: Path) -> Iterator[tuple[tuple[int, str], SpoolFolder]]:
    """Yield folders, each after when it was made and its name.

    One that does not say what it is, as a copy that is not complete, comes first if it has a log.
    """
    try:
        names = os.listdir(spool)
    except FileNotFoundError:
        return
    for name in names:
        folder = SpoolFolder(spool / name)
        try:
            found = os.stat(spool / name / _INFO_NAME)
        except FileNotFoundError:
            with suppress(OSError):
                if not name.startswith(".") and list_files(folder.batches):
                    yield (0, name), folder
        except OSError:  # it is no folder of a spool
            pass
        else:
            if not name.startswith(".") and stat.S_ISREG(found.st_mode):
                yield (_read_created(folder) or found.st_mtime_ns // 1_000_000, name), folder


def _read_created(folder: SpoolFolder) -> int:
    """Return when a folder says that it was made, which a copy says, too; 0 if it does not."""
    try:
        with (folder.path / _INFO_NAME).open("rb") as file:
            return int(json.loads(file.read(_INFO_BYTES))["created"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return 0


def _mode(path: Path) -> int:
    """Return the kind of a path, a link not followed; 0 if there is none."""
    try:
        return os.lstat(path).st_mode
    except FileNotFoundError:
        return 0


def _write_info(path: Path, info: SpoolInfo, is_synced: bool) -> None:
    # `json_format` writes the same, and takes 60 ms to be imported; a child that was forked in the
    # midst of an import would wait for it for ever. Numbers of 64 bits are texts in its form.
    values = {
        "format": info.format,
        "trackingUri": info.tracking_uri,
        "host": info.host,
        "processId": str(info.process_id),
        "program": info.program,
        "created": str(info.created),
    }
    file = OpenFile(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.write(file.descriptor, (json.dumps(values, indent=2) + "\n").encode())
        if is_synced:
            os.fsync(file.descriptor)
    finally:
        file.close()
