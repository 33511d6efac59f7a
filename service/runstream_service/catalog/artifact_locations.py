"""The locations of the artifacts of experiments, as URIs (R6)."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from runstream.errors import InvalidArgument
from runstream.rules import check_text

LOCATION_CHARACTERS = 2_048

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


def resolve_location(location: str) -> str:
    """Return a location as an experiment stores it; a path of this machine is made absolute.

    Raises:
        InvalidArgument: it is too long, has a fragment, or names something that no client could
            or should write artifacts to.
    """
    if len(location) > LOCATION_CHARACTERS:
        raise _invalid_error(
            location,
            "Invalid artifact path length. The length of the artifact path cannot be greater than "
            f"{LOCATION_CHARACTERS} characters",
            LOCATION_CHARACTERS,
        )
    check_text("artifact_location", location)
    if not location:
        return location
    try:
        uri = urlsplit(location)
    except ValueError as error:  # such as brackets that do not match
        raise _invalid_error(
            location, f"'artifact_location' is malformed: {error}", "a URI"
        ) from None
    if uri.fragment:
        text = "'artifact_location' URL can't include fragments or params."
        raise _invalid_error(location, text, "no fragment")
    if not _SCHEME.match(location):
        return str(Path.cwd() / location)
    if uri.scheme == "runs":
        text = f"Artifact location cannot be a runs:/ URI. Given: '{location}'"
        raise _invalid_error(location, text, "not of runs:")
    if uri.scheme in ("http", "https") or (uri.scheme == "mlflow-artifacts" and uri.netloc):
        # MLflow's clients would send files, and the token for this server, to the host it names.
        raise _invalid_error(
            location,
            f"'artifact_location' cannot use the '{uri.scheme}' scheme with a host: "
            "clients would send the artifacts, and the token for this server, to that host",
            "no other web server",
        )
    return location


def join_location(location: str, path: str) -> str:
    """Return the URI of a path below a location; a query stays behind the path."""
    query = ""
    if _SCHEME.match(location):
        location, mark, query = location.partition("?")
        query = mark + query
    return f"{location.rstrip('/')}/{path}{query}"


def _invalid_error(location: str, text: str, limit: object) -> InvalidArgument:
    return InvalidArgument(
        text, reason="LOCATION_INVALID", field="artifact_location", value=location, limit=limit
    )
