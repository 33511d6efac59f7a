"""Contents that are being uploaded to a bucket: which are whose, and which have broken off.

Each stream puts its objects under a name of its own, which has a row here from before the first
object is put until the upload is complete, or its objects are removed. The row also says which
upload the name has the bytes of. Another stream that goes on with the upload, on whichever server,
takes the upload away from that row; whoever lost it cannot complete the upload any more, and its
objects are removed as those of uploads that broke off.
"""

from __future__ import annotations

from runstream_service.engine.clock import now
from runstream_service.engine.statements import Statement
from runstream_service.engine.tables import StagedContent

_INSERT = Statement(
    StagedContent.insert_many(
        [("", 0, 0)], [StagedContent.name, StagedContent.changed, StagedContent.size]
    )
)
_LOSE_UPLOAD = Statement(
    StagedContent.update({StagedContent.upload: None, StagedContent.changed: 0}).where(
        StagedContent.upload == ""
    )
)
_GET_UPLOAD = Statement(
    StagedContent.update({StagedContent.upload: "", StagedContent.changed: 0}).where(
        StagedContent.name == ""
    )
)
_RENEW = Statement(
    StagedContent.update({StagedContent.changed: 0, StagedContent.size: 0})
    .where(StagedContent.name == "")
    .returning(StagedContent.upload)
)
_FIND = Statement(StagedContent.select(StagedContent.name).where(StagedContent.upload == ""))
_COMPLETE = Statement(
    StagedContent.delete().where((StagedContent.name == "") & (StagedContent.upload == ""))
)
_ALL = Statement(
    StagedContent.select(
        StagedContent.changed, StagedContent.size, StagedContent.upload, StagedContent.name
    )
)
_LOSE = Statement(
    StagedContent.update({StagedContent.upload: None}).where(StagedContent.name == "")
)
_EXPIRE = Statement(
    StagedContent.update({StagedContent.upload: None}).where(
        (StagedContent.name == "") & (StagedContent.changed == 0)
    )
)
_DELETE = Statement(StagedContent.delete().where(StagedContent.name == ""))


def insert(name: str) -> None:
    """Insert a name under which objects are going to be put."""
    _INSERT.run(name, now(), 0)


def take_over(name: str, upload: str) -> bool:
    """Let a name have an upload, which whichever other name had before.

    Returns:
        Whether the name has a row; its upload may have broken off so long ago that it is removed.
    """
    _LOSE_UPLOAD.run(None, now(), upload)
    return bool(_GET_UPLOAD.run(upload, now(), name))


def renew(name: str, size: int, upload: str | None) -> bool:
    """Show that an upload goes on, with so many bytes; return whether it is still this name's."""
    row = _RENEW.first(now(), size, name)
    return row is not None and row[0] == upload


def find(upload: str) -> str | None:
    """Return the name that has the bytes of an upload, if there is one."""
    row = _FIND.first(upload)
    return None if row is None else str(row[0])


def complete(name: str, upload: str) -> bool:
    """Delete the row of a complete upload; return False if another stream has taken it over."""
    return bool(_COMPLETE.run(name, upload))


def find_all() -> list[tuple[float, int, str, tuple[str, int]]]:
    """Return of each row when it changed, in seconds, its bytes, its upload, and its name.

    The upload is empty if the name has lost it; the time is with the name once more, as stored.
    """
    return [
        (changed / 1000, size, upload or "", (name, changed))
        for changed, size, upload, name in _ALL.rows()
    ]


def expire(name: str, changed: int | None) -> bool:
    """Take the upload away from a name whose objects are going to be removed.

    Args:
        name: the name.
        changed: when the row must have changed last, if that matters.

    Returns:
        False if the row is gone or has changed meanwhile.
    """
    return bool(_LOSE.run(None, name) if changed is None else _EXPIRE.run(None, name, changed))


def delete(name: str) -> None:
    """Delete a row whose objects are removed."""
    _DELETE.run(name)
