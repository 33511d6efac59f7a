"""When a run was resumed: a tag with one line for each time that it did not go on."""

from __future__ import annotations

from datetime import datetime, timezone

from runstream_service.catalog.run_tags import insert_tags
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import RunTag

#: The tag of a run that was resumed.
RESUMED_TAG = "runstream.resumed"
#: Of older times nothing is kept.
MOST_LINES = 100

_READ = Statement(RunTag.select(RunTag.value).where((RunTag.run == 0) & (RunTag.key == "")))


def record_resumption(run: int, state: str, end: int | None, at: int) -> tuple[str, str]:
    """Record that a run goes on, and return the tag that says so.

    Args:
        run: the internal id of the run.
        state: what it was: a status that ends it, or LOST.
        end: since when, in milliseconds since the epoch, if that is known.
        at: when it was resumed, in the same unit.
    """
    since = "" if end is None else f" at {_format(end)}"
    row = _READ.first(run, RESUMED_TAG)
    lines = row[0].splitlines() if row else []
    lines.append(f"{state}{since}, RUNNING at {_format(at)}")
    tag = (RESUMED_TAG, "\n".join(lines[-MOST_LINES:]))
    insert_tags(run, [tag])
    return tag


def _format(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
