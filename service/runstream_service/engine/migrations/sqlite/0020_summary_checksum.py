"""Summaries of chunks get a checksum of their own, at their end.

That of a chunk which is damaged gets one that does not fit, so that it stays damaged.
"""

import zlib
from struct import unpack

_SELECT = (
    "SELECT summary, checksum, data, series_id, first_step, first_timestamp, first_value "
    "FROM chunk LEFT JOIN chunk_data ON chunk_data.id = data_id WHERE series_id = ?"
)
_UPDATE = (
    "UPDATE chunk SET summary = ? WHERE series_id = ? AND first_step = ? "
    "AND first_timestamp = ? AND first_value = ?"
)
_WORDS = 20
_FACTORS = [0x9E3779B97F4A7C15 * 0xD1342543DE82EF95**power for power in range(_WORDS + 2)]


def up(migrator, db):  # type: ignore[no-untyped-def] # noqa: ARG001 # the form playhouse.migrations calls
    for (series,) in db.execute_sql("SELECT DISTINCT series_id FROM chunk").fetchall():
        rows = db.execute_sql(_SELECT, (series,))
        for row in [(_with_checksum(series, *row[:3]), *row[3:]) for row in rows]:
            db.execute_sql(_UPDATE, row)


def _with_checksum(series: int, summary: bytes, checksum: int | None, data: bytes | None) -> bytes:
    words = unpack(f"<{len(summary) // 8}Q", summary)
    mixed = zip((word ^ word >> 32 for word in words), _FACTORS, strict=False)
    found = sum(word * factor for word, factor in mixed)
    found += series * _FACTORS[_WORDS] + _FACTORS[_WORDS + 1]
    is_whole = data is not None and zlib.crc32(data, zlib.crc32(summary[8:])) == checksum
    sum_of_all: int = found + (not is_whole) & 2**64 - 1
    return summary + sum_of_all.to_bytes(8, "little")
