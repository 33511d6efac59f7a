"""Keys and values beside an owner: params and tags, in tables of one form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runstream_service.engine.numbers import parse_number

Pairs = Sequence[tuple[str, str]]


def upsert_pairs(table: Any, owner: int, pairs: Pairs) -> None:
    """Set pairs of an owner; the last value set stands."""
    for key, value in pairs:
        pair = {"owner": owner, "key": key, "value": value, "number": parse_number(value)}
        table.insert(pair).on_conflict(
            conflict_target=[table.owner, table.key], preserve=[table.value, table.number]
        ).execute()


def read_pairs(table: Any, owners: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Return the pairs of each of these owners, by key."""
    pairs: dict[int, list[tuple[str, str]]] = {owner: [] for owner in owners}
    rows = table.select().where(table.owner.in_(list(pairs))).order_by(table.owner, table.key)
    for row in rows:
        pairs[row.owner_id].append((row.key, row.value))
    return pairs
