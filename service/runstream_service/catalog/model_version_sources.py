"""What a version can be created from: files of this server that the caller may write to.

A source is a text that anybody may send, and what it names is loaded by programs later. So it has
to be of one of a few forms, letter by letter, and nothing in it is decoded: what another program
could take for an escape, a query, a host or a parent folder is refused. What it names then has to
be a row of this store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runstream.errors import InvalidArgument, NotFound, RunstreamError, shorten
from runstream.rules import check_artifact_path
from runstream_service.access.caller import Caller
from runstream_service.catalog import artifacts, model_versions
from runstream_service.catalog.artifact_owners import Owner, lock_owner, readable_owner
from runstream_service.catalog.model_versions import DescribedVersion
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import LoggedModel

SOURCE_CHARACTERS = 2_048

_RUN_ID = r"[0-9a-f]{32}"
_MODEL_ID = r"m-[0-9a-f]{32}"
_RUNS = re.compile(rf"runs:/({_RUN_ID})(?:/(.+))?")
_LOGGED_MODEL = re.compile(rf"models:/({_MODEL_ID})")
_VERSION = re.compile(r"models:/([^/]+)/([1-9][0-9]{0,17})")
_STAGE = re.compile(r"models:/([^/]+)/([A-Za-z]+)")
_ALIAS = re.compile(r"models:/([^/]+)@([\w-]+)")
_OWNER_ID = re.compile(rf"{_RUN_ID}|{_MODEL_ID}")
_ARTIFACTS = "mlflow-artifacts:/"

# What URIs give another meaning to, what others have in place of `/`, and control characters.
_FORBIDDEN = re.compile(r"[%?#\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_SOURCE_RUN = Statement(LoggedModel.select(LoggedModel.source_run_id).where(LoggedModel.uid == ""))

_FORMS = (
    "runs:/RUN/PATH, models:/MODEL_ID, models:/NAME/VERSION, models:/NAME@ALIAS, or a path below "
    "the artifact URI of a run or a logged model of this server"
)


class Source(NamedTuple):
    """Files of this server.

    Attributes:
        text: how the server writes it down.
        owner_id: the run or logged model that has the files.
        owner: the same, locked until the commit.
        path: where they are below its artifacts; empty for all of them.
        run_id: the run that made them; empty, if none is known.
    """

    text: str
    owner_id: str
    owner: Owner
    path: str
    run_id: str


class _Place(NamedTuple):
    """What a source names: an owner's id, a path, and the text of the source."""

    owner_id: str
    path: str
    text: str


def resolve(caller: Caller, source: str, run_id: str, model_id: str) -> Source:
    """Return the files that a source names, on the writer's thread.

    Args:
        caller: who creates a version of them.
        source: the source.
        run_id: the run that the caller names; "" for none.
        model_id: the logged model that the caller names; "" for none.

    Raises:
        InvalidArgument: the source is of none of the forms, or not of this run or model.
        NotFound: there is no such run, model, version or file that the caller sees.
        PermissionDenied: the caller may not write to the experiment of the files.
        FailedPrecondition: they are elsewhere, or what has them is deleted.
    """
    place = _place(caller, source)
    is_model = place.owner_id.startswith("m-")
    owner = lock_owner(caller, place.owner_id)
    row = _SOURCE_RUN.first(place.owner_id) if is_model else (place.owner_id,)
    made_by = str(row[0]) if row else ""
    _check_same("run_id", run_id, made_by, source)
    _check_same("model_id", model_id, place.owner_id if is_model else "", source)
    if not artifacts.has_files(owner, place.path):
        raise NotFound(
            f"Invalid model version source: '{shorten(source)}'. There are no files.",
            reason="ARTIFACT_NOT_FOUND",
            field="source",
            value=source,
        )
    return Source(place.text, place.owner_id, owner, place.path, made_by)


def _place(caller: Caller, source: str) -> _Place:
    if len(source) > SOURCE_CHARACTERS or _FORBIDDEN.search(source):
        raise _invalid_error(source)
    if found := _RUNS.fullmatch(source):
        path = _checked_path(source, (found[2] or "").removesuffix("/"))
        return _Place(found[1], path, f"runs:/{found[1]}/{path}" if path else f"runs:/{found[1]}")
    if found := _LOGGED_MODEL.fullmatch(source):
        return _Place(found[1], "", source)
    if source.startswith("models:/"):
        version = _version(caller, source)
        place = version.model_id or version.run_id, version.row.artifact_path
        return _Place(*place, f"models:/{version.name}/{version.row.version}")
    if source.startswith(_ARTIFACTS):
        return _stored_place(caller, source.removesuffix("/"))
    raise _invalid_error(source)


def _version(caller: Caller, source: str) -> DescribedVersion:
    """Return the version that a source names."""
    if found := _VERSION.fullmatch(source):
        number = model_versions.find(caller, found[1], int(found[2]))
    elif found := _ALIAS.fullmatch(source):
        number = model_versions.find_by_alias(caller, found[1], found[2])
    elif (found := _STAGE.fullmatch(source)) and found[2].lower() == "latest":
        number = model_versions.find_by_alias(caller, found[1], "latest")
    elif found:
        number = model_versions.find_by_stage(caller, found[1], found[2])
    else:
        raise _invalid_error(source)
    return model_versions.read([number])[0]


def _stored_place(caller: Caller, uri: str) -> _Place:
    """Return the place of an artifact URI of this server."""
    for owner_id, root, path in _split_uri(uri):
        try:
            _, root_uri = readable_owner(caller, owner_id)
        except RunstreamError:  # not there, or not for the caller
            continue
        if root_uri == root:
            path = _checked_path(uri, path)
            return _Place(owner_id, path, f"{root}/{path}" if path else root)
    raise _invalid_error(uri)


def _split_uri(uri: str) -> Iterator[tuple[str, str, str]]:
    """Yield the ids of runs and models that may be meant by a URI, the roots and the paths."""
    parts = uri.split("/")
    for i, part in enumerate(parts[1:], 1):
        if part == "artifacts" and _OWNER_ID.fullmatch(parts[i - 1]):
            yield parts[i - 1], "/".join(parts[: i + 1]), "/".join(parts[i + 1 :])


def _checked_path(source: str, path: str) -> str:
    if path:
        try:
            check_artifact_path("source", path)
        except InvalidArgument:
            raise _invalid_error(source) from None
    return path


def _check_same(field: str, named: str, found: str, source: str) -> None:
    """Raise InvalidArgument if the caller names another run or model than that of the source."""
    if named and named != found:
        raise InvalidArgument(
            f"Invalid model version source: '{shorten(source)}'. The {field} request parameter "
            "must identify the resource that contains the source.",
            reason="SOURCE_MISMATCH",
            field=field,
            value=named,
            limit=found,
        )


def _invalid_error(source: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid model version source: {shorten(source)!a}. It must be {_FORMS}.",
        reason="SOURCE_INVALID",
        field="source",
        value=ascii(source),
        limit=_FORMS,
    )
