"""Which parts of a program's source a run keeps: the environment variable RUNSTREAM_SOURCE."""

from __future__ import annotations

import os

from runstream.errors import InvalidArgument

#: The parts: `git` is the commit, the branch and the remote; `diff` the changes since the commit;
#: `program` the script, its arguments and the working folder; `host` the name and kind of the
#: machine; `packages` the versions of Python and its packages.
PARTS = ("git", "diff", "program", "host", "packages")


def wanted_parts() -> frozenset[str]:
    """Return the parts that are named in RUNSTREAM_SOURCE: all, if it is not set.

    Raises:
        InvalidArgument: it names something else.
    """
    text = os.environ.get("RUNSTREAM_SOURCE", "all").strip().lower()
    if text in ("all", "none", ""):
        return frozenset(PARTS if text == "all" else ())
    names = frozenset(name.strip() for name in text.split(","))
    if not names <= frozenset(PARTS):
        raise InvalidArgument(
            f"Invalid value {text!r} for parameter 'RUNSTREAM_SOURCE' supplied: "
            f"it must be all, none, or some of {', '.join(PARTS)}",
            reason="SETTING_MALFORMED",
            field="RUNSTREAM_SOURCE",
            value=text,
            limit=f"all, none, {', '.join(PARTS)}",
        )
    return names
