"""The changes of a run in a commit, as messages that are not too large to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from runstream.contract.wire_columns import POINT_BYTES, MetricTable, RunChange, WatchResponse
from runstream_service.engine.batch import Batch
from runstream_service.engine.changes import Change
from runstream_service.live.commits import CHANGE_BYTES, RunChanges
from runstream_service.rpc import messages

#: Bytes of points, params or tags above which a change is split into several messages.
MESSAGE_BYTES = 64 * 1024

# Bytes that a key, a param or a tag takes in a message besides its text.
_ENTRY_BYTES = 12


class SizedMessage(NamedTuple):
    """A message, the twin of a RunChange, and its size in bytes."""

    message: Any
    size: int


@dataclass(frozen=True)
class EncodedChanges:
    """The changes of a run as messages, which the feed keeps."""

    messages: list[SizedMessage]


def run_change_messages(run: RunChanges) -> list[SizedMessage]:
    """Return the changes as messages, which are made once for all watchers of the run."""
    encoded = run.encoded
    if not isinstance(encoded, EncodedChanges):
        created = [message for change in run.changes for message in _change_messages(change)]
        encoded = EncodedChanges([SizedMessage(each, each.ByteSize()) for each in created])
        run.encoded, run.changes = encoded, []
    return encoded.messages


def encode_changes(changes: Iterable[Change]) -> list[bytes]:
    """Return what a transaction changed as bytes for other servers, a row for one answer each."""
    rows: list[bytes] = []
    answer, size = WatchResponse(), 0
    for message in (each for change in changes for each in _change_messages(change)):
        added = message.ByteSize()
        if size and size + added > MESSAGE_BYTES:
            rows.append(answer.SerializeToString())
            answer, size = WatchResponse(), 0
        answer.changes.append(message)
        size += added
    if size:
        rows.append(answer.SerializeToString())
    return rows


def decode_changes(row: bytes) -> dict[str, RunChanges]:
    """Return the changes of a row of `encode_changes`, by run, encoded already."""
    runs: dict[str, list[SizedMessage]] = {}
    for change in WatchResponse.FromString(row).changes:
        runs.setdefault(change.run_id, []).append(SizedMessage(change, change.ByteSize()))
    return {
        run_id: RunChanges(
            experiment_ids=_experiment_ids(sized),
            size=sum(CHANGE_BYTES + each.size for each in sized),
            encoded=EncodedChanges(sized),
        )
        for run_id, sized in runs.items()
    }


def _experiment_ids(sized: Sequence[SizedMessage]) -> tuple[int, ...]:
    moves = [each.message for each in sized if each.message.moved_from]
    named = (sized[0].message.experiment_id, *(m.experiment_id for m in moves))
    return tuple(int(each) for each in (*named, *(m.moved_from for m in moves)))


def _change_messages(change: Change) -> Iterator[Any]:
    message = RunChange(run_id=change.run_id, experiment_id=str(change.experiment_id))
    _add_pairs(message.tags, change.tags)
    message.deleted_tags.extend(change.deleted_tags)
    message.purged = change.purged
    if change.moved_from is not None:
        message.moved_from = str(change.moved_from)
    if change.run is not None:
        message.info.MergeFromString(messages.run_info(change.run).SerializeToString())
    batch = change.batch
    if batch is None:
        yield message
        return
    message.console_line = batch.console_line
    if _size(batch) <= MESSAGE_BYTES:
        if batch.keys:
            message.metrics.CopyFrom(_table(batch))
        _add_pairs(message.params, batch.params)
        _add_pairs(message.tags, batch.tags)
        yield message
        return
    for part in _split_points(replace(batch, params=[], tags=[])):
        message.metrics.CopyFrom(_table(part))
        yield _take_contents(message)
    for name, pairs in (("params", batch.params), ("tags", batch.tags)):
        for pair in pairs:
            _add_pairs(getattr(message, name), (pair,))  # `Clear` takes the list of a message away
            if message.ByteSize() > MESSAGE_BYTES / 2:
                yield _take_contents(message)
    yield message


def _add_pairs(to: Any, pairs: Iterable[tuple[str, str]]) -> None:
    for key, value in pairs:
        to.add(key=key, value=value)


def _take_contents(message: Any) -> Any:
    """Return a copy of a message, and empty the message but for its run."""
    contents = RunChange()
    contents.CopyFrom(message)
    message.Clear()
    message.run_id, message.experiment_id = contents.run_id, contents.experiment_id
    return contents


def _size(batch: Batch) -> int:
    """Return about how many bytes the points, params and tags of a batch take in a message."""
    keys = sum(len(key.encode()) + _ENTRY_BYTES for key in batch.keys)
    pairs = sum(
        len(key.encode()) + len(value.encode()) + _ENTRY_BYTES
        for key, value in (*batch.params, *batch.tags)
    )
    return POINT_BYTES * len(batch.value) + keys + pairs


def _table(batch: Batch) -> Any:
    return MetricTable(
        keys=batch.keys,
        counts=batch.counts,
        step=[batch.step.tobytes()],
        timestamp=[batch.timestamp.tobytes()],
        value=[batch.value.tobytes()],
    )


def _split_points(batch: Batch) -> Iterator[Batch]:
    """Yield the points of a batch in batches of a size that can be sent."""
    points = len(batch.value)
    if points and (_size(batch) <= MESSAGE_BYTES or points == 1):
        yield batch
    elif points:
        yield from _split_points(_points_between(batch, 0, points // 2))
        yield from _split_points(_points_between(batch, points // 2, points))


def _points_between(batch: Batch, first: int, end: int) -> Batch:
    ends = np.cumsum(batch.counts)
    counts = np.minimum(ends, end) - np.maximum(ends - batch.counts, first)
    chosen = np.flatnonzero(counts > 0).tolist()
    return replace(
        batch,
        keys=[batch.keys[i] for i in chosen],
        counts=counts[chosen].tolist(),
        step=batch.step[first:end],
        timestamp=batch.timestamp[first:end],
        value=batch.value[first:end],
    )
