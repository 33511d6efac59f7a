"""Folders of a spool by what people name them with: a path, a name alone, or nothing."""

from __future__ import annotations

import os
from pathlib import Path

from runstream.errors import NotFound
from runstream.spool import settings
from runstream.spool.folder import SpoolFolder, list_folders
from runstream.spool.log_files import list_files
from runstream.transport import tracking_uri


def default_spool() -> Path:
    """Return the folder that RUNSTREAM_TRACKING_URI names by `offline:`, or this user's spool.

    Raises:
        InvalidArgument: the variable names no folder.
        FileNotFoundError: this user has no home, and no variable names the spool.
    """
    folder = tracking_uri.default_offline_folder()
    return settings.spool_path() if folder is None else Path(folder)


def find_folders(path: str | os.PathLike[str] | None) -> list[SpoolFolder]:
    """Return the folders of a spool, or one folder; those of `default_spool` by default.

    Raises:
        NotFound: there is no such path.
    """
    if path is None:
        return list_folders(default_spool())
    if (folder := search_folder(Path(path))) is not None:
        return [folder]
    if not Path(path).is_dir():
        raise NotFound(f"there is no folder {path}", reason="FOLDER_NOT_FOUND", value=path)
    return list_folders(Path(path))


def find_folder(path: Path) -> SpoolFolder:
    """Return a folder of a spool by its path, or by its name in `default_spool`.

    Raises:
        NotFound: there is no such folder.
    """
    if (folder := search_folder(path)) is None:
        raise NotFound(f"{path} is no folder of a spool", reason="FOLDER_NOT_FOUND", value=path)
    return folder


def search_folder(path: Path) -> SpoolFolder | None:
    """Return a folder of a spool as `find_folder` does; None if there is none."""
    paths = [path] if len(path.parts) != 1 else [path, default_spool() / path]
    for each in paths:
        # A copy that is not complete may lack the file that says what it is.
        if (each / "spool.json").is_file() or list_files(each / "batches"):
            return SpoolFolder(each)
    return None
