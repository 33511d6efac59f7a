"""Settings of the whole database: read on a reader's thread, written on the writer's."""

from __future__ import annotations

from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import Setting

_WRITE_PROBE = Statement(
    Setting.insert({Setting.name: "", Setting.value: b""}).on_conflict(
        conflict_target=[Setting.name], preserve=[Setting.value]
    )
)


def page_token_key() -> bytes:
    """Return the key that signs page tokens; every server of this database has the same."""
    return bytes(Setting.get_by_id("page_token_key").value)


def write_probe() -> None:
    """Write the time, so that a commit shows whether the database takes writes."""
    _WRITE_PROBE.run("probe", str(now()).encode())
