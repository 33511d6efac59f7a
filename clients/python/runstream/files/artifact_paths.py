"""Paths of artifacts, as callers give them."""

from __future__ import annotations

import os
import reprlib
from pathlib import PurePath
from typing import TypeAlias

from runstream import rules
from runstream.errors import InvalidArgument

#: A path with `/` between its parts, as a text or an object of `pathlib`.
ArtifactPath: TypeAlias = str | os.PathLike[str]


def artifact_path_text(path: ArtifactPath | None) -> str:
    """Return a path among artifacts as the contract has it; "" is their root, as is `Path()`."""
    if path is None or isinstance(path, str):
        return path or ""
    text = path.as_posix() if isinstance(path, PurePath) else os.fspath(path)
    return "" if text == "." else text


def join_path(folder: str, name: str) -> str:
    """Return the path of a name in a folder; the root, if both are empty."""
    return f"{folder.rstrip('/')}/{name}".rstrip("/") if folder else name


def check_artifact_file(path: ArtifactPath | None) -> str:
    """Return the path of a file to make; raises InvalidArgument if it breaks its rule."""
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise InvalidArgument(
            f"Invalid value {reprlib.repr(path)} for parameter 'artifact_file' supplied: "
            f"it must be a path, such as 'notes/a.txt', not {type(path).__name__}; "
            "it comes after what is logged",
            reason="PATH_MALFORMED",
            field="artifact_file",
            value=reprlib.repr(path),
            limit="a path",
        )
    text = artifact_path_text(path)
    rules.check_artifact_path("artifact_file", text)
    return text
