"""What a run has, copied to its copy in steps, so that the writer is soon free for others.

Each step goes on where the one before it has ended, by what the copy has. A copy that is whole has
the status of its run, and the status SCHEDULED before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from peewee import Value, fn

from runstream.errors import Aborted
from runstream.rules import INT64_MAX
from runstream_service.care import hidden_copies
from runstream_service.care.purge_step import ROWS_AT_ONCE, end_of_step
from runstream_service.catalog import datasets
from runstream_service.catalog.run_tags import insert_tags
from runstream_service.engine.budget import Budget
from runstream_service.engine.clock import now
from runstream_service.engine.statements import LockingStatement, Statement, array_of
from runstream_service.engine.statuses import RunStatus
from runstream_service.engine.tables import (
    Artifact,
    Console,
    ConsoleLine,
    Input,
    ModelInput,
    Output,
    Param,
    Run,
    RunTag,
)
from runstream_service.points import point_copy
from runstream_service.search.scope import PARENT_TAG

#: The tag that names the run of which another is a copy.
COPIED_TAG = "runstream.copied_from"

# Tags that a copy does not take over as they are.
_OWN_TAGS = [PARENT_TAG, COPIED_TAG]


class Pair(NamedTuple):
    """A run and its copy.

    Attributes:
        source: the internal id of the run.
        source_id: its id.
        copy_id: the id that its copy will have.
        hidden_id: the id that its copy has until all copies are whole.
    """

    source: int
    source_id: str
    copy_id: str
    hidden_id: str


class _Rows:
    """Copies the rows of a table that has a run and a key, in the order of the keys."""

    def __init__(self, run: Any, key: Any, first: Any, *columns: Any, where: Any = True) -> None:
        """Declare the statement.

        Args:
            run: the column of the run.
            key: the column that tells the rows of a run apart.
            first: a value that is less than all keys.
            columns: the columns that are copied beside these.
            where: which rows are copied.
        """
        table, other = key.model, key.model.alias()
        last = other.select(fn.COALESCE(fn.MAX(getattr(other, key.name)), first)).where(
            getattr(other, run.name) == 0
        )
        condition = (run == 0) & (key > last)
        self._values: list[Any] = []
        if where is not True:
            condition &= where
            self._values = list(_OWN_TAGS)
        rows = table.select(Value(0, converter=False), key, *columns).where(condition)
        self._insert = Statement(
            table.insert_from(rows.order_by(key).limit(1), [run, key, *columns])
        )
        self._first = first

    def copy(self, source: int, target: int) -> Iterator[None]:
        """Copy the rows that the copy lacks; yield after each piece."""
        values = (target, source, self._first, target, *self._values, ROWS_AT_ONCE)
        while self._insert.run(*values):
            yield


_ROWS = [
    _Rows(Param.run, Param.key, "", Param.value, Param.number),
    _Rows(
        RunTag.run,
        RunTag.key,
        "",
        RunTag.value,
        RunTag.number,
        where=RunTag.key.not_in(_OWN_TAGS),
    ),
    _Rows(
        ConsoleLine.run,
        ConsoleLine.number,
        0,
        ConsoleLine.stream,
        ConsoleLine.timestamp,
        ConsoleLine.text,
        ConsoleLine.writer,
        ConsoleLine.sequence,
    ),
    # The bytes of a content count for who uploaded it, and the copy has no others.
    _Rows(Artifact.run, Artifact.path, "", Artifact.blob, Artifact.upload_time),
]
_CONSOLE = [Console.last_number, Console.head_end, Console.head_bytes, Console.tail_bytes]


def _copy_all(run: Any, order: Any, *columns: Any) -> Statement:
    """Return the statement that copies the few rows that a run has in a table."""
    rows = run.model.select(Value(0, converter=False), *columns).where(run == 0).order_by(order)
    return Statement(run.model.insert_from(rows, [run, *columns]))


_COPY_CONSOLE = _copy_all(Console.run, Console.run, *_CONSOLE)
_COPY_OUTPUTS = _copy_all(Output.run, Output.id, Output.model_id, Output.step)
_COPY_MODEL_INPUTS = _copy_all(ModelInput.run, ModelInput.id, ModelInput.model_id)
_HAS_INPUTS = Statement(Input.select(Input.id).where(Input.run == 0).limit(1))
_PARENT = Statement(RunTag.select(RunTag.value).where((RunTag.run == 0) & (RunTag.key == "")))
_LOCK = LockingStatement(
    Run.select(Run.id, Run.experiment, Run.status, Run.revision).where(
        (Run.uuid == "") & Run.purging
    )
)
_LOCK_SOURCE = LockingStatement(
    Run.select(Run.status, Run.revision).where((Run.id == 0) & ~Run.purging)
)
_TOUCH = Statement(Run.update({Run.deleted_time: 0}).where(Run.id == 0))
_SET_STATUS = Statement(Run.update({Run.status: 0}).where(Run.id == 0))


def copy_step(pairs: Sequence[Pair], copies: Mapping[str, str]) -> int:
    """Copy for a step; return how many of the copies are whole, the first ones.

    Args:
        pairs: runs and their copies, which `run_copy.begin` has made.
        copies: the ids of all copies, by those of their runs.

    Raises:
        Aborted: a run is logged to meanwhile, or a purge has removed its copy.
        DataLoss: points of a run are damaged.
    """
    end = end_of_step()
    for done, pair in enumerate(pairs):
        if not _copy(pair, copies, end):
            return done
        if time.monotonic() > end:
            return done + 1
    return len(pairs)


def _copy(pair: Pair, copies: Mapping[str, str], end: float) -> bool:
    """Go on with one copy until a time, but for a piece at least; return whether it is whole."""
    found = _LOCK.first(pair.hidden_id)
    if found is None:
        raise hidden_copies.removed_error(pair.source_id)
    target, experiment, status, revision = found
    if status != RunStatus.SCHEDULED:
        return True
    _TOUCH.run(now(), target)
    for _ in _pieces(pair.source, target):
        if time.monotonic() > end:
            return False
    source = _LOCK_SOURCE.first(pair.source)
    if source is None or source[1] != revision:
        hidden_copies.take_over([target])  # the same request begins anew
        raise changed_error(pair.source_id)
    if not point_copy.copy_tail(pair.source, target):
        for _ in point_copy.discard(target):
            if time.monotonic() > end:
                break
        return False
    _copy_rest(pair, target, experiment, copies)
    _SET_STATUS.run(source[0], target)
    return True


def changed_error(source_id: str) -> Aborted:
    """Return the error that says that a run is another than when its copy began."""
    return Aborted(
        f"the run {source_id} was changed while it was copied; copy it again",
        reason="RUN_CHANGED",
        field="run_ids",
        value=source_id,
    )


def _pieces(source: int, target: int) -> Iterator[None]:
    """Copy what may be much, piece by piece."""
    for rows in _ROWS:
        yield from rows.copy(source, target)
    yield from point_copy.copy_chunks(source, target)


def _copy_rest(pair: Pair, target: int, experiment: int, copies: Mapping[str, str]) -> None:
    """Copy what is little."""
    source = pair.source
    _COPY_CONSOLE.run(target, source)
    _COPY_OUTPUTS.run(target, source)
    _COPY_MODEL_INPUTS.run(target, source)
    if _HAS_INPUTS.first(source, 1):
        inputs = datasets.read_inputs(array_of([source]), Budget(INT64_MAX))
        datasets.insert_inputs(target, experiment, inputs[source], [])
    tags = [(COPIED_TAG, pair.source_id)]
    parent = _PARENT.first(source, PARENT_TAG)
    if parent is not None and parent[0] in copies:
        tags.append((PARENT_TAG, copies[parent[0]]))
    insert_tags(target, tags)
