"""Settings of the whole database, read on a reader's thread."""

from __future__ import annotations

from runstream_service.engine.tables import Setting


def page_token_key() -> bytes:
    """Return the key that signs page tokens; every server of this database has the same."""
    return bytes(Setting.get_by_id("page_token_key").value)
