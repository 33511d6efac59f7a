"""Opens the storage of an artifact root, and the folder in which its uploads are staged."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from runstream.files.own_files import check_own
from runstream_service.engine.database import CannotOpenError
from runstream_service.files.bucket import Bucket
from runstream_service.files.file_threads import FileThreads
from runstream_service.files.folder import Folder
from runstream_service.files.staging import StagingFolder
from runstream_service.files.storage import Storage


def open_storage(root: str, database: Path, threads: FileThreads) -> tuple[Storage, StagingFolder]:
    """Return what keeps the contents, and the staging folder of the uploads.

    Uploads are staged in a local root, so that a complete one is moved and not copied, or else
    beside the database. Folders are made at first use.

    Args:
        root: a folder, or `s3://bucket/prefix`.
        database: file of the database.
        threads: what works on files.

    Raises:
        CannotOpenError: the root is of another kind, or is a folder that cannot be written.
    """
    scheme, separator, place = root.partition("://")
    if not separator:
        folder = _resolve_own_folder(Path(root).absolute())
        return Folder(folder, threads), StagingFolder(
            _resolve_own_folder(folder / "uploads"), threads
        )
    if scheme != "s3" or not place.strip("/"):
        raise CannotOpenError(f"artifact root {root!r} is not a folder or s3://bucket/prefix")
    uploads = _resolve_own_folder(database.with_name(f"{database.name}.uploads"))
    try:
        return Bucket(root), StagingFolder(uploads, threads)
    except Exception as error:  # obstore raises many kinds for what the environment says
        raise CannotOpenError(f"artifact root {root!r} cannot be used: {error}") from error


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
