"""Paths of artifacts, as callers give them."""

from __future__ import annotations

import os
import re
import reprlib
from pathlib import PurePath
from typing import NamedTuple, TypeAlias

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

# URIs of versions of registered models.
_BY_SUFFIX = re.compile("models:/+(?P<name>[^/:]+)/(?P<suffix>[^/]+)(?:/(?P<path>.*))?", re.DOTALL)
_BY_ALIAS = re.compile(
    "models:/+(?P<name>[^/:]+)@(?P<alias>[A-Za-z0-9_-]+)(?:/(?P<path>.*))?", re.DOTALL
)

#: The stages that a version of a registered model can be in.
STAGES = ("None", "Staging", "Production", "Archived")

#: How URIs name models, for errors.
MODEL_URI_FORMS = (
    "models:/MODEL_ID, models:/NAME/VERSION, models:/NAME@ALIAS, models:/NAME/STAGE, "
    "models:/NAME/latest, runs:/RUN_ID/NAME or the path of a folder"
)


class VersionUri(NamedTuple):
    """A version of a registered model, as a URI names it.

    Attributes:
        name: the registered model.
        version: the number of the version; or
        stage: a stage, of which the version with the highest number is meant; or
        alias: an alias. Without any of these, the version with the highest number is meant.
        path: a path among the files of the version; empty for all of them.
    """

    name: str
    version: str = ""
    stage: str = ""
    alias: str = ""
    path: str = ""


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


def parse_artifact_uri(
    text: str, parameter: str = "artifact_uri"
) -> tuple[str, str] | VersionUri | None:
    """Return the run or logged model that a URI names, and the path among its artifacts.

    It is a `VersionUri` for a version of a registered model, of which only the server knows whose
    its files are, and None for what is a path alone.

    Raises:
        InvalidArgument: it begins with `models:/`, and is of no form that is known.
    """
    for uri in _URIS:
        if found := uri.fullmatch(text):
            return found["owner"], found["path"] or ""
    if not text.startswith("models:/"):
        return None
    version = _parse_version_uri(text)
    if version is None:
        raise model_uri_error(parameter, text)
    return version


def model_uri_error(parameter: str, uri: str) -> InvalidArgument:
    """Return the error of a URI that names no model in a form that is known."""
    return InvalidArgument(
        f"Invalid value {reprlib.repr(uri)} for parameter {parameter!r} supplied: it must be one "
        f"of {MODEL_URI_FORMS}",
        reason="MODEL_URI_MALFORMED",
        field=parameter,
        value=reprlib.repr(uri),
        limit=MODEL_URI_FORMS,
    )


def _parse_version_uri(text: str) -> VersionUri | None:
    if found := _BY_SUFFIX.fullmatch(text):
        name, suffix, path = found["name"], found["suffix"], found["path"] or ""
        if re.fullmatch("[0-9]+", suffix):
            return VersionUri(name, version=suffix, path=path)
        if suffix.lower() == "latest":
            return VersionUri(name, path=path)
        stage = next((one for one in STAGES if one.lower() == suffix.lower()), None)
        if stage is not None:
            return VersionUri(name, stage=stage, path=path)
    if found := _BY_ALIAS.fullmatch(text):
        return VersionUri(found["name"], alias=found["alias"], path=found["path"] or "")
    return None
