"""Opens the storage of an artifact root, and what stages its uploads."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from runstream.files.own_files import check_own
from runstream_service.engine.engine import CannotOpenError
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer
from runstream_service.files.bucket import Bucket
from runstream_service.files.bucket_staging import BucketStaging
from runstream_service.files.file_threads import FileThreads
from runstream_service.files.folder import Folder
from runstream_service.files.folder_staging import FolderStaging
from runstream_service.files.staging import Staging
from runstream_service.files.storage import Storage


def default_root(database: Path | None) -> str:
    """Return the artifact root of a server that is given none.

    Args:
        database: file of the database, if it is one.
    """
    folder = database.parent if database else Path.cwd()
    return str(folder / "artifacts")


def open_storage(
    root: str, is_shared: bool, writer: Writer, readers: Readers, threads: FileThreads
) -> tuple[Storage, Staging[Any]]:
    """Return what keeps the contents, and the uploads that are not complete yet.

    Both are in the root, so that a complete upload is there already. Folders are made at first use.

    Args:
        root: a folder, or `s3://bucket/prefix`.
        is_shared: whether other servers may have the same root and database.
        writer: writes which uploads there are.
        readers: read that.
        threads: what works on files.

    Raises:
        CannotOpenError: the root is of another kind, or is a folder that cannot be written.
    """
    scheme, separator, place = root.partition("://")
    if not separator:
        storage = Folder(_resolve_own_folder(Path(root).absolute()), threads)
        uploads = _resolve_own_folder(storage.root / "uploads")
        return storage, FolderStaging(uploads, is_shared, storage)
    if scheme != "s3" or not place.strip("/"):
        raise CannotOpenError(f"artifact root {root!r} is not a folder or s3://bucket/prefix")
    try:
        bucket = Bucket(root)
    except Exception as error:  # obstore raises many kinds for what the environment says
        raise CannotOpenError(f"artifact root {root!r} cannot be used: {error}") from error
    return bucket, BucketStaging(bucket, writer, readers, threads)


def _resolve_own_folder(folder: Path) -> Path:
    """Return the path of a folder, which need not be there, without links."""
    try:
        if folder.is_symlink():
            check_own(folder, stat.S_IFLNK)
            folder = folder.resolve()
        check_own(folder, stat.S_IFDIR)
    except OSError as error:
        raise CannotOpenError(f"artifact root {folder} cannot be used: {error}") from error
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise CannotOpenError(f"artifact root {folder} cannot be used: {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise CannotOpenError(f"artifact root {folder} cannot be used: {there} cannot be written")
    return folder
