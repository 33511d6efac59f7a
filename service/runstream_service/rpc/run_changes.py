"""The changes of a run in a commit, as messages that are not too large to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from runstream.v1.metric_pb2 import MetricTable
from runstream.v1.run_pb2 import Param, RunTag
from runstream.v1.watch_service_pb2 import RunChange
from runstream_service.engine.batch import Batch
from runstream_service.engine.changes import Change
from runstream_service.live.commits import RunChanges
from runstream_service.rpc import messages

#: Bytes of points, params or tags above which a change is split into several messages.
MESSAGE_BYTES = 64 * 1024


class SizedMessage(NamedTuple):
    """A message, and its size in bytes."""

    message: RunChange
    size: int


@dataclass(frozen=True)
class EncodedChanges:
    """The changes of a run as messages, which the feed keeps."""

    messages: list[SizedMessage]


@dataclass(frozen=True, slots=True)
class ReceivedTable:
    """The table of a request, which the store keeps with the batch until it is sent to watchers."""

    table: MetricTable

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.table.step)


def run_change_messages(run: RunChanges) -> list[SizedMessage]:
    """Return the changes as messages, which are made once for all watchers of the run."""
    encoded = run.encoded
    if not isinstance(encoded, EncodedChanges):
        created = [message for change in run.changes for message in _change_messages(change)]
        encoded = EncodedChanges([SizedMessage(each, each.ByteSize()) for each in created])
        run.encoded, run.changes = encoded, []
    return encoded.messages


def _change_messages(change: Change) -> Iterator[RunChange]:
    message = RunChange(run_id=change.run_id, experiment_id=str(change.experiment_id))
    message.tags.extend(RunTag(key=key, value=value) for key, value in change.tags)
    message.deleted_tags.extend(change.deleted_tags)
    message.purged = change.purged
    if change.run is not None:
        message.info.CopyFrom(messages.run_info(change.run))
    batch = change.batch
    if batch is None:
        yield message
        return
    message.console_line = batch.console_line
    params = [Param(key=key, value=value) for key, value in batch.params]
    tags = [RunTag(key=key, value=value) for key, value in batch.tags]
    table = _table(batch)
    if table.ByteSize() + _size(params) + _size(tags) <= MESSAGE_BYTES:
        if table.key:
            message.metrics.CopyFrom(table)
        message.params.extend(params)
        message.tags.extend(tags)
        yield message
        return
    for part in _split_table(table):
        message.metrics.CopyFrom(part)
        yield _take_contents(message)
    for param in params:
        message.params.append(param)
        if _size(message.params) > MESSAGE_BYTES / 2:
            yield _take_contents(message)
    for tag in tags:
        message.tags.append(tag)
        if _size(message.tags) > MESSAGE_BYTES / 2:
            yield _take_contents(message)
    yield message


def _take_contents(message: RunChange) -> RunChange:
    """Return a copy of a message, and empty the message but for its run."""
    contents = RunChange()
    contents.CopyFrom(message)
    message.Clear()
    message.run_id, message.experiment_id = contents.run_id, contents.experiment_id
    return contents


def _size(pairs: Iterable[Param | RunTag]) -> int:
    return sum(pair.ByteSize() for pair in pairs)


def _table(batch: Batch) -> MetricTable:
    if isinstance(batch.received, ReceivedTable):
        return batch.received.table
    return MetricTable(
        keys=batch.keys,
        key=batch.key,
        step=batch.step,
        timestamp=batch.timestamp,
        value=batch.value,
    )


def _split_table(table: MetricTable) -> Iterator[MetricTable]:
    """Yield the same points in tables of a size that can be sent."""
    if table.ByteSize() <= MESSAGE_BYTES or len(table.key) == 1:
        yield table
    else:
        half = len(table.key) // 2
        yield from _split_table(_table_rows(table, slice(None, half)))
        yield from _split_table(_table_rows(table, slice(half, None)))


def _table_rows(table: MetricTable, rows: slice) -> MetricTable:
    key = table.key[rows]
    index = {old: new for new, old in enumerate(dict.fromkeys(key))}
    return MetricTable(
        keys=[table.keys[old] for old in index],
        key=[index[old] for old in key],
        step=table.step[rows],
        timestamp=table.timestamp[rows],
        value=table.value[rows],
    )
