"""Points of what Trackio logged."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from runstream.errors import RunstreamError
from runstream.importing.source import Note, PointColumns
from runstream.importing.trackio.project import Row
from runstream.rules import check_key

# What JSON has no numbers for.
_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}

_PART_POINTS = 50_000


def to_milliseconds(timestamp: str) -> int:
    """Return a time; those of old versions have no zone, and are of the local one.

    Raises:
        ValueError: it is none.
    """
    time = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    return round(time.astimezone(timezone.utc).timestamp() * 1000)


class PointReader:
    """Makes points of the rows of a run.

    Attributes:
        texts: how many values were no numbers and no media.
    """

    def __init__(self, run_id: str, note: Note) -> None:
        self.texts = 0
        self._what = f"row of run {run_id}"
        self._note = note
        self._keys: dict[str, int] = {}  # the number of each; -1 of those that no metric may have
        self._names: list[str] = []
        self._empty()

    def read(self, parts: Iterable[list[Row]], prefix: str = "") -> Iterator[PointColumns]:
        """Yield the points of rows, in parts; rows without a step are counted.

        Args:
            parts: the rows.
            prefix: what the names of metrics begin with here.
        """
        number = 0
        for rows in parts:
            timestamp, milliseconds = "", 0
            for row, logged in zip(rows, self._parse(rows), strict=True):
                try:
                    if row.timestamp != timestamp:
                        timestamp, milliseconds = row.timestamp, to_milliseconds(row.timestamp)
                    self._append(logged, row.step if row.step is not None else number, milliseconds,
                                 prefix)  # fmt: skip
                except (ValueError, TypeError, AttributeError, OverflowError) as error:
                    self._note(f"{self._what} at step {row.step}", str(error))
                number += 1
            if len(self._value) >= _PART_POINTS:
                yield self._take()
        if self._value:
            yield self._take()

    def _parse(self, rows: list[Row]) -> list[Any]:
        """Return what rows logged; None of those that are malformed, which are noted."""
        try:
            parsed: list[Any] = json.loads(f"[{','.join([row.logged for row in rows])}]")
            if len(parsed) == len(rows):
                return parsed
        except (ValueError, TypeError, RecursionError):
            pass
        parsed = []
        for row in rows:
            try:
                parsed.append(json.loads(row.logged))
            except (ValueError, TypeError, RecursionError) as error:
                self._note(f"{self._what} at step {row.step}", f"it is no JSON: {error}")
                parsed.append({})
        return parsed

    def _append(self, logged: Mapping[str, Any], step: int, time: int, prefix: str) -> None:
        for name, value in logged.items():
            kind = type(value)
            if kind is dict:
                if "_type" not in value:  # media are files
                    self._append(value, step, time, f"{prefix}{name}.")
                continue
            if kind is str:
                value = _NUMBERS.get(value)
            if kind is list or value is None:
                self.texts += 1
                continue
            key = self._keys.get(f"{prefix}{name}")
            if key is None:
                key = self._number_key(f"{prefix}{name}")
            if key < 0:
                continue
            number = float(value)
            self._step.append(step)
            self._key.append(key)
            self._timestamp.append(time)
            self._value.append(number)

    def _number_key(self, key: str) -> int:
        try:
            check_key("key", key)
        except RunstreamError as error:
            self._note(f"metric {key!a} ({self._what})", str(error))
            self._keys[key] = -1
        else:
            self._keys[key] = len(self._names)
            self._names.append(key)
        return self._keys[key]

    def _empty(self) -> None:
        self._key, self._step, self._timestamp = array("q"), array("q"), array("q")
        self._value = array("d")

    def _take(self) -> PointColumns:
        names = self._names.copy()
        part = PointColumns(names, self._key, self._step, self._timestamp, self._value)
        self._empty()
        return part
