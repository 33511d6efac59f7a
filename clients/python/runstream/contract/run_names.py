"""The name of a run, which is also its tag `mlflow.runName` (R3); for client and server."""

from __future__ import annotations

from collections.abc import Mapping

from runstream.errors import InvalidArgument

#: The tag that is always equal to the name.
NAME_TAG = "mlflow.runName"


def choose_name(name: str, tags: Mapping[str, str]) -> str:
    """Return the name for a new run that is asked for by name and tags; "" if by neither.

    Raises:
        InvalidArgument: name and name tag differ.
    """
    if name and tags.get(NAME_TAG, name) != name:
        raise InvalidArgument(
            f"run_name is {name!r}, but the tag {NAME_TAG} is {tags[NAME_TAG]!r}",
            reason="RUN_NAME_CONFLICT",
            field="run_name",
            value=name,
            tag=tags[NAME_TAG],
        )
    return name or tags.get(NAME_TAG, "")
