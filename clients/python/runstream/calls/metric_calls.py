"""The calls of a client about histories of metrics."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Literal

from runstream import entities
from runstream.calls.resumable_history import HistoryPart, read_histories
from runstream.contract.messages import new_message
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import InvalidArgument
from runstream.files.optional_libraries import import_optional
from runstream.outbox.outbox import Outbox
from runstream.transport.connection import Connection
from runstream.v1.grouped_history_pb2 import Band, Centre, ReadGroupedHistoryRequest, RunSet
from runstream.v1.metric_service_pb2 import ReadMetricHistoryRequest

log = logging.getLogger("runstream")


class MetricCalls:
    """The part of `TrackingClient` that speaks to MetricService.

    What this process logged to the runs before is on disk before they are read. If the server is
    started again meanwhile, reading goes on where it was.
    """

    _connection: Connection
    _outbox: Outbox

    def get_metric_history(
        self,
        run_id: str,
        key: str,
        start_step: int | None = None,
        end_step: int | None = None,
        max_points: int | None = None,
    ) -> list[entities.Metric]:
        """Return the points of a metric by step, timestamp and value (M6).

        A metric that was never logged has none.

        Args:
            run_id: the run.
            key: the metric.
            start_step: leaves out points of steps before this one.
            end_step: leaves out points of steps after this one.
            max_points: the most points to return of each metric of each run, 10 or more; a longer
                history is thinned so that its shape stays: of each part of the range its first,
                last, minimum and maximum point, and its first NaN. Some of these are often the
                same point, so fewer may come. All points, if left out or 0.

        Raises:
            NotFound: there is no such run.
            InvalidArgument: the key or max_points breaks its rule.
        """
        parts = self.read_metric_history(run_id, (key,), start_step, end_step, max_points)
        return [row for part in parts for row in part.rows()]

    def get_metric_columns(
        self,
        run_ids: str | Iterable[str],
        keys: Iterable[str] = (),
        start_step: int | None = None,
        end_step: int | None = None,
        max_points: int | None = None,
    ) -> list[entities.MetricArrays]:
        """Return whole histories as NumPy arrays; the rest as `read_metric_history`.

        A metric that a run does not have, or that has no point in the range, is left out.
        """
        numpy = import_optional("numpy", "get_metric_columns", "use read_metric_history")
        parts_read = self._read_parts(run_ids, keys, start_step, end_step, max_points)
        return [
            entities.MetricArrays(run_id, key, *_join(numpy, parts))
            for (run_id, key), parts in groupby(parts_read, lambda part: part[:2])
        ]

    def read_metric_history(
        self,
        run_ids: str | Iterable[str],
        keys: Iterable[str] = (),
        start_step: int | None = None,
        end_step: int | None = None,
        max_points: int | None = None,
    ) -> Iterator[entities.MetricColumns]:
        """Yield the points of metrics in arrays, of all the runs' metrics if none is named.

        Each part holds up to 32,768 points of one metric of one run, by step, timestamp and
        value. The runs come in the order of `run_ids`, each once, the metrics in the order of
        their keys (M6). For the other arguments see `get_metric_history`.

        Raises:
            NotFound: there is no such run.
            InvalidArgument: a key or max_points breaks its rule.
        """
        for part in self._read_parts(run_ids, keys, start_step, end_step, max_points):
            value = array("d", part.value.tobytes())
            timestamp, step = array("q", part.timestamp.tobytes()), array("q", part.step.tobytes())
            yield entities.MetricColumns(part.run_id, part.key, value, timestamp, step)

    def get_grouped_history(
        self,
        groups: Mapping[str, Iterable[str]],
        keys: Iterable[str],
        start_step: int | None = None,
        end_step: int | None = None,
        max_points: int | None = None,
        centre: Literal["mean", "median"] = "mean",
        band: Literal["deviation", "extremes"] | None = None,
    ) -> list[entities.GroupedHistory]:
        """Return what groups of runs have in common, metric after metric, group after group.

        The steps of a group are cut into equal parts of a round number of steps. In each part a
        run has the mean of its points there, or what is interpolated between two others; before
        its first and after its last point it counts for nothing, and neither do NaN and the
        infinities.

        Histories that are damaged in the database are left out, with a warning in the log
        `runstream`.

        Args:
            groups: the runs of each group by its name: up to 100 groups of 1,000 runs together.
            keys: the metrics, 1 to 10.
            start_step: leaves out points of steps before this one.
            end_step: leaves out points of steps after this one.
            max_points: the most parts, 10 to 2,000; 300, if left out. Groups, metrics and this
                multiplied are at most 50,000.
            centre: what stands for the runs of a group.
            band: the centre less and plus the standard deviation of a sample, or the least and
                the greatest; no band, if left out.

        Raises:
            NotFound: there is no such run.
            InvalidArgument: an argument breaks its rule.
        """
        check_not_single_text("keys", keys)
        sets = [new_message(RunSet, name=name, run_ids=ids) for name, ids in groups.items()]
        for run_id in dict.fromkeys(run_id for one in sets for run_id in one.run_ids):
            self._outbox.flush(run_id)
        request = new_message(
            ReadGroupedHistoryRequest,
            groups=sets,
            metric_keys=keys,
            start_step=start_step,
            end_step=end_step,
            max_points=max_points or 0,
            centre=_to_enum("centre", centre, Centre),
            band=_to_enum("band", band or "unspecified", Band),
        )
        answer = self._connection.call(lambda stubs: stubs.metrics.ReadGroupedHistory, request)
        for damaged in answer.damaged:
            log.warning("a history is left out: %s", damaged.message)
        return [
            entities.GroupedHistory(
                one.group,
                one.metric_key,
                one.step[:],
                one.count[:],
                one.centre[:],
                one.low[:],
                one.high[:],
                one.run_count,
            )
            for one in answer.histories
        ]

    def _read_parts(
        self,
        run_ids: str | Iterable[str],
        keys: Iterable[str],
        start_step: int | None,
        end_step: int | None,
        max_points: int | None,
    ) -> Iterator[HistoryPart]:
        check_not_single_text("keys", keys)
        wanted = [run_ids] if isinstance(run_ids, str) else list(dict.fromkeys(run_ids))
        for run_id in wanted:
            self._outbox.flush(run_id)
        if not wanted:
            return
        request = new_message(
            ReadMetricHistoryRequest,
            run_ids=wanted,
            metric_keys=keys,
            start_step=start_step,
            end_step=end_step,
            max_points=max_points or 0,
        )
        yield from read_histories(self._connection, request)


def _to_enum(field: str, name: str, kind: Any) -> Any:
    names = [value.name.partition("_")[2].lower() for value in kind.DESCRIPTOR.values]
    if name not in names:
        raise InvalidArgument(
            f"Invalid value {name!r} for parameter {field!r} supplied: "
            f"it must be one of {', '.join(names[1:])}",
            reason="GROUPED_HISTORY_OUT_OF_RANGE",
            field=field,
            value=name,
            limit=", ".join(names[1:]),
        )
    return names.index(name)


def _join(numpy: Any, parts: Iterable[HistoryPart]) -> list[Any]:
    """Return the columns of parts as arrays: value, timestamp and step.

    Each part is copied when it comes, so that its memory is free for those after it. To keep all of
    them until the end takes much longer, because the system clears all the memory that it gives.
    """
    arrays = [numpy.empty(0, kind) for kind in ("f8", "i8", "i8")]
    size = 0
    for part in parts:
        end = size + len(part.value)
        if end > len(arrays[0]):
            arrays = [_enlarge(numpy, full, size, max(end, part.total)) for full in arrays]
        for room, column in zip(arrays, (part.value, part.timestamp, part.step), strict=True):
            room[size:end] = column
        size = end
    return [room[:size] for room in arrays]


def _enlarge(numpy: Any, full: Any, size: int, needed: int) -> Any:
    """Return an array with room for `needed` numbers or more that begins with `size` of another."""
    larger = numpy.empty(max(needed, 2 * size), full.dtype)
    larger[:size] = full[:size]
    return larger
