"""The rows of a history as columns of points, and what of them is no number."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any, Protocol

from runstream.errors import RunstreamError
from runstream.importing.source import Note, PointColumns
from runstream.importing.wandb.messages import VALUE_TAG, read_path, split_item
from runstream.importing.wandb.run_facts import parse_json, put_value
from runstream.rules import check_key

PART_POINTS = 50_000

# In place of an index, for what is no metric.
_NO_METRIC, _TIMESTAMP = -1, -2

_MAX_STEP = 2**63

_TEXTS_OF_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# Columns of W&B: step and timestamp of the row; `_runtime` is the timestamp less the start.
_OWN_KEYS = frozenset({"_step", "_timestamp", "_runtime", "_wandb"})


class OtherValues(Protocol):
    """Takes what of a history is no number."""

    def add(self, key: str, step: int, timestamp: int, value: Any) -> None:
        """Take a text, a list, or a dictionary of W&B with `_type`: an image, a table and so on."""


class HistoryColumns:
    """Collects points, which `take` returns.

    A metric whose steps are those of another has the last value of that other as its step, as in
    the charts of W&B, where all values of the other are integers.

    Attributes:
        last: the last value of each metric, as far as taken.
        last_step: W&B's step of the last row.
    """

    def __init__(
        self,
        step_metrics: Mapping[str, str],
        integral: frozenset[str],
        others: OtherValues,
        start_time: int,
        note: Note,
        what: str,
    ) -> None:
        self.last: dict[str, float] = {}
        self.last_step = 0
        self._step_metrics = {name: step for name, step in step_metrics.items() if step in integral}
        self._others = others
        self._timestamp = start_time
        self._note = note
        self._what = what
        self._index: dict[str, int] = dict.fromkeys(_OWN_KEYS, _NO_METRIC)
        self._index_of_item: dict[bytes, int] = {}  # by keys of items, as they are in files
        self._keys: list[str] = []
        self._step_of: list[str | None] = []  # for each key, the metric that has its steps
        self._step_values: dict[str, int] = {}  # of the metrics that are steps, their last values
        self._step_keys = frozenset(self._step_metrics.values())
        self._clear()

    def _clear(self) -> None:
        self._key, self._value = array("I"), array("d")
        self._steps, self._times = array("q"), array("q")

    def __len__(self) -> int:
        return len(self._value)

    def take(self) -> PointColumns:
        """Return what was collected since the last call, and begin anew."""
        columns = PointColumns(list(self._keys), self._key, self._steps, self._times, self._value)
        keys = self._keys
        last = dict(zip(self._key, self._value, strict=True))
        self.last.update((keys[key], value) for key, value in last.items())
        self._clear()
        return columns

    def add_items(self, items: Iterable[bytes], step: int) -> None:
        """Add a row of a file."""
        index, start = self._index_of_item, len(self._key)
        add_key, add_value = self._key.append, self._value.append
        timestamp = None
        for item in items:
            # As `split_item` does, which takes a third of the time for the call alone.
            name, _, text = item.rpartition(VALUE_TAG)
            if text and text[0] + 1 == len(text):
                text = text[1:]
            else:
                name, text = split_item(item)
            try:
                number = float(text)
            except ValueError:
                # Here and there a row has more than numbers; it is read again as a whole.
                del self._key[start:], self._value[start:]
                self.add_row(_to_tree(items), step)
                return
            key = index.get(name)
            if key is None:
                key = index[name] = self._find_item_key(name)
            if key >= 0:
                add_key(key)
                add_value(number)
            elif key == _TIMESTAMP:
                timestamp = number
        self._end_row(start, step, timestamp)

    def add_row(self, row: Mapping[str, Any], step: int) -> None:
        """Add a row that may have anything in it."""
        timestamp = row.get("_timestamp")
        if isinstance(timestamp, (int, float)):
            self._see_time(timestamp)
        start = len(self._key)
        self._add_values("", row, step)
        self._end_row(start, step, None)

    def add_point(self, name: str, value: float, step: int, timestamp: int) -> None:
        """Add a point that belongs to no row."""
        key = self._index.get(name)
        if key is None:
            key = self._add_key(name)
        if key >= 0:
            self._key.append(key)
            self._value.append(value)
            self._steps.append(step)
            self._times.append(timestamp)

    @property
    def time(self) -> int:
        """Milliseconds since the epoch of the last row."""
        return self._timestamp

    def _add_values(self, prefix: str, values: Mapping[str, Any], step: int) -> None:
        for name, value in values.items():
            key = f"{prefix}{name}"
            if key in _OWN_KEYS or value is None:
                continue
            if isinstance(value, str):
                value = _TEXTS_OF_NUMBERS.get(value, value)
            if isinstance(value, (int, float)):
                self._add_number(key, value)
            elif isinstance(value, dict) and "_type" not in value:
                self._add_values(f"{key}.", value, step)
            else:
                self._others.add(key, step, self._timestamp, value)

    def _add_number(self, name: str, value: float) -> None:
        key = self._index.get(name)
        if key is None:
            key = self._add_key(name)
        if key >= 0:
            self._key.append(key)
            self._value.append(value)

    def _end_row(self, start: int, step: int, timestamp: float | None) -> None:
        count = len(self._key) - start
        if timestamp is not None:
            self._see_time(timestamp)
        self.last_step = max(self.last_step, step)
        self._times.extend(repeat(self._timestamp, count))
        if not self._step_metrics:
            self._steps.extend(repeat(step, count))
            return
        for position in range(start, len(self._key)):
            name = self._keys[self._key[position]]
            value = self._value[position]
            if name in self._step_keys and abs(value) < _MAX_STEP:  # which NaN is not
                self._step_values[name] = int(value)
        for position in range(start, len(self._key)):
            source = self._step_of[self._key[position]]
            self._steps.append(step if source is None else self._step_values.get(source, step))

    def _see_time(self, seconds: float) -> None:
        if 0 <= seconds < 1e12:
            self._timestamp = round(seconds * 1000)

    def _find_item_key(self, item_key: bytes) -> int:
        name = ".".join(read_path(item_key))
        if name == "_timestamp":
            return _TIMESTAMP
        key = self._index.get(name)
        return self._add_key(name) if key is None else key

    def _add_key(self, name: str) -> int:
        key = len(self._keys)
        try:
            check_key("key", name)
        except RunstreamError as error:
            self._note(f"metric {name!a} of {self._what}", str(error))
            key = _NO_METRIC
        else:
            self._keys.append(name)
            self._step_of.append(find_step_metric(name, self._step_metrics))
        self._index[name] = key
        return key


def find_step_metric(name: str, step_metrics: Mapping[str, str]) -> str | None:
    """Return the metric that has the steps of another: by name, or the longest prefix."""
    if name in step_metrics:
        found: str | None = step_metrics[name]
    else:
        patterns = [one for one in step_metrics if one.endswith("*") and name.startswith(one[:-1])]
        found = step_metrics[max(patterns, key=len)] if patterns else None
    return None if found == name else found


def find_integral(rows: Iterable[Iterable[bytes]], names: frozenset[str]) -> frozenset[str]:
    """Return those of the metrics whose values are integers in all rows."""
    integral = set(names)
    known: dict[bytes, str] = {}
    for items in rows:
        for item in items:
            key, text = split_item(item)
            name = known.get(key)
            if name is None:
                name = known[key] = ".".join(read_path(key))
            if name in integral:
                value = parse_json(text)
                if not isinstance(value, (int, float)) or not float(value).is_integer():
                    integral.discard(name)
    return frozenset(integral)


def _to_tree(items: Iterable[bytes]) -> dict[str, Any]:
    """Return items as nested dictionaries."""
    tree: dict[str, Any] = {}
    for item in items:
        key, text = split_item(item)
        put_value(tree, read_path(key), parse_json(text))
    return tree
