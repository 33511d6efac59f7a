"""The requests of LoggingService as checked batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from runstream.contract import wire_columns
from runstream.errors import InvalidArgument
from runstream.rules import check_dataset_field, check_key, check_model_id, check_timestamp
from runstream.v1 import logging_service_pb2 as pb
from runstream.v1.metric_pb2 import LoggedMetric
from runstream_service.engine.batch import Batch, ConsoleText, ModelPoint
from runstream_service.points.append import BULK_POINTS, encode_bulk, metrics_of
from runstream_service.rpc.catalog_requests import catalog_writes
from runstream_service.rpc.write_id import write_id

# The fields before all others but the run in one request or the other.
_POINT_FIELDS = frozenset({"metrics", "run_id"})

Number = TypeVar("Number", np.int64, np.float64)


def checked_batch(request: Any) -> Batch:
    """Return the batch of a request: first its rows, if it has some, then its table.

    Args:
        request: the bytes of a LogBatchRequest, or a LogRequest or its twin (`wire_columns`).

    Raises:
        InvalidArgument: something in the request breaks its rule.
        DecodeError: the bytes are of something else.
    """
    if isinstance(request, bytes):
        batch = _batch(*wire_columns.decode_log_batch_request(request))
        batch.check()
    else:
        batch = _batch(request, wire_columns.read_table(request.table))
        batch.check()
        if request.metrics:
            _add_rows(batch, request.metrics)
    if len(batch.value) >= BULK_POINTS:
        batch.encoded = encode_bulk(metrics_of(batch))
    return batch


def batch_of_point(request: pb.LogMetricRequest) -> Batch:
    """Return the batch of a single point; raises as `checked_batch`."""
    batch = Batch(
        request.run_id,
        [request.key],
        [1],
        np.array([request.step], np.int64),
        np.array([request.timestamp], np.int64),
        np.array([request.value], np.float64),
        model_points=_model_points([request]),
    )
    batch.check()
    return batch


def _add_rows(batch: Batch, rows: Sequence[LoggedMetric]) -> None:
    """Put rows before the columns of a checked batch, and check the rows."""
    index = {key: i for i, key in enumerate(batch.keys)}
    row_key = [index.setdefault(row.key, len(index)) for row in rows]
    row_timestamp = [row.timestamp for row in rows]
    keys = list(index)
    for key in keys[len(batch.keys) :]:
        check_key("metrics.key", key)
    check_timestamp("metrics.timestamp", min(row_timestamp))
    indices = np.concatenate((row_key, np.repeat(np.arange(len(batch.keys)), batch.counts)))
    order = np.argsort(indices, kind="stable")  # the points of a metric stay as they came
    batch.keys = keys
    batch.counts = np.bincount(indices).tolist()
    batch.step = _insert([row.step for row in rows], batch.step)[order]
    batch.timestamp = _insert(row_timestamp, batch.timestamp)[order]
    batch.value = _insert([row.value for row in rows], batch.value)[order]
    batch.model_points = _model_points(rows)


def _insert(numbers: list[Any], column: NDArray[Number]) -> NDArray[Number]:
    """Return a column with numbers before its own."""
    return np.concatenate((np.array(numbers, column.dtype), column))


def _batch(request: Any, table: wire_columns.RawTable) -> Batch:
    batch = Batch(
        request.run_id,
        table.keys,
        table.counts,
        np.frombuffer(table.step, "<i8"),
        np.frombuffer(table.timestamp, "<i8"),
        np.frombuffer(table.value, "<f8"),
    )
    fields = request.ListFields()  # those that are set, by their numbers
    if fields and fields[-1][0].name in _POINT_FIELDS:
        return batch  # most have points alone
    batch.write = write_id(request.write)
    if request.params:
        batch.params = [(param.key, param.value) for param in request.params]
    if request.tags:
        batch.tags = [(tag.key, tag.value) for tag in request.tags]
    if request.console:
        batch.console = [
            ConsoleText(line.stream, line.timestamp, line.text, line.writer, line.sequence)
            for line in request.console
        ]
    batch.catalog = catalog_writes(request)
    return batch


def _model_points(rows: Iterable[LoggedMetric | pb.LogMetricRequest]) -> list[ModelPoint]:
    """Return the points that measure a logged model, checked."""
    found = []
    for row in rows:
        if bool(row.dataset_name) != bool(row.dataset_digest):
            raise InvalidArgument(
                "Both dataset_name and dataset_digest must be provided if one is provided",
                reason="DATASET_INCOMPLETE",
                field="dataset_digest" if row.dataset_name else "dataset_name",
            )
        if not row.model_id:
            continue
        check_model_id("model_id", row.model_id)
        if row.dataset_name:
            check_dataset_field("dataset_name", "name", row.dataset_name)
            check_dataset_field("dataset_digest", "digest", row.dataset_digest)
        found.append(
            ModelPoint(
                row.model_id,
                row.key,
                row.step,
                row.timestamp,
                row.value,
                row.dataset_name,
                row.dataset_digest,
            )
        )
    return found
