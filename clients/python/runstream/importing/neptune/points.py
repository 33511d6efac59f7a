"""Series of numbers as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runstream.errors import RunstreamError
from runstream.importing.source import Note, PointColumns
from runstream.rules import check_key


class PointReader:
    """Makes columns of points of batches of Arrow.

    Attributes:
        rounded_steps: how many points have a step that is a fraction.
    """

    def __init__(self, step_multiplier: int, start_time: int, what: str, note: Note) -> None:
        self.rounded_steps = 0
        self._step_multiplier = step_multiplier
        self._start_time = start_time
        self._what = what
        self._note = note
        self._refused: set[str] = set()

    def to_columns(self, batch: Any) -> Iterator[PointColumns]:
        """Yield the points of a batch with `attribute_path`, `step`, `timestamp`, `float_value`."""
        import pyarrow
        from pyarrow import compute

        batch = batch.filter(compute.is_valid(batch.column("float_value")))
        paths = batch.column("attribute_path").dictionary_encode()
        keys = paths.dictionary.to_pylist()
        refused = {key for key in keys if not self._is_key(key)}
        if refused:
            kept = compute.invert(
                compute.is_in(batch.column("attribute_path"), pyarrow.array(list(refused)))
            )
            batch = batch.filter(kept)
            paths = batch.column("attribute_path").dictionary_encode()
            keys = paths.dictionary.to_pylist()
        if not batch.num_rows:
            return
        exact = compute.cast(compute.fill_null(batch.column("step"), 0), pyarrow.float64())
        exact = compute.multiply(exact, self._step_multiplier)
        steps = compute.floor(exact)
        self.rounded_steps += compute.sum(compute.not_equal(steps, exact)).as_py()
        times = compute.fill_null(
            compute.cast(batch.column("timestamp"), pyarrow.int64()), self._start_time
        )
        yield PointColumns(
            keys,
            _to_numbers(paths.indices),
            _to_numbers(compute.cast(steps, pyarrow.int64())),
            _to_numbers(times),
            _to_numbers(batch.column("float_value")),
        )

    def _is_key(self, key: str) -> bool:
        try:
            check_key("key", key)
        except RunstreamError as error:
            if key not in self._refused:
                self._refused.add(key)
                self._note(f"metric {key!a} of {self._what}", str(error))
            return False
        return True


def _to_numbers(column: Any) -> Any:
    """Return a column as an array of NumPy, without a copy."""
    return column.to_numpy(zero_copy_only=False)
