"""Paths of artifacts, as callers give them."""

from __future__ import annotations

import os
import re
import reprlib
from pathlib import PurePath
from typing import TypeAlias

from runstream import rules
from runstream.errors import InvalidArgument

#: A path with `/` between its parts, as a text or an object of `pathlib`.
ArtifactPath: TypeAlias = str | os.PathLike[str]

# URIs of what a run or a logged model has. The last is where artifacts of a run or model are
# stored, which ends like this wherever the experiment keeps artifacts (R6).
_URIS = tuple(
    re.compile(uri + "(?:/(?P<path>.*))?", re.DOTALL)
    for uri in (
        "runs:/+(?P<owner>[^/]+)",
        "models:/+(?P<owner>m-[0-9a-f]{32})",
        "(?:[A-Za-z][A-Za-z0-9+.-]*:|/).*?/(?P<owner>(?:m-)?[0-9a-f]{32})/artifacts",
    )
)


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


def parse_artifact_uri(text: str, parameter: str = "artifact_uri") -> tuple[str, str] | None:
    """Return the run or logged model that a URI names, and the path among its artifacts.

    It is None for what is a path alone.

    Raises:
        InvalidArgument: it names a model in another way than by its id.
    """
    for uri in _URIS:
        if found := uri.fullmatch(text):
            return found["owner"], found["path"] or ""
    if text.startswith("models:/"):
        raise InvalidArgument(
            f"Invalid value {reprlib.repr(text)} for parameter {parameter!r} supplied: it must be "
            "models:/MODEL_ID, since there is no model registry, or runs:/RUN_ID/NAME",
            reason="MODEL_URI_MALFORMED",
            field=parameter,
            value=reprlib.repr(text),
            limit="models:/MODEL_ID or runs:/RUN_ID/NAME",
        )
    return None
