"""Records the changes that the commands of a transaction make, for watchers and rules of alerts.

Commands record here what they did, on the writer's thread alone. The writer calls `start_recording`
at the start of a transaction, and `take_recorded` at its end; a rollback drops the record.
While nobody watches and there are no rules, nothing is recorded, and what only the record needs is
not read either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from runstream_service.engine.batch import Batch
from runstream_service.engine.statements import ANY_IDS, Statement, array_of
from runstream_service.engine.tables import Run

Pairs = Iterable[tuple[str, str]]

_SELECT = Statement(Run.select().where(Run.id.in_(ANY_IDS)))


@dataclass(slots=True)
class Change:
    """A change of one run; what is empty did not change.

    Attributes:
        run: the new state of the run.
        batch: points, params and tags, as they were logged.
        tags: tags that were set by other commands.
        is_ended: whether the run has ended by it.
        moved_from: the internal id of the experiment that it was in before.
    """

    run_id: str
    experiment_id: int
    run: Run | None = None
    batch: Batch | None = None
    tags: Pairs = ()
    deleted_tags: tuple[str, ...] = ()
    purged: bool = False
    is_ended: bool = False
    moved_from: int | None = None


_recorded: list[Change] | None = None  # None while nobody needs it


def start_recording(enabled: bool) -> None:
    """Start to record the changes of a transaction, if that is enabled."""
    global _recorded
    _recorded = [] if enabled else None


def take_recorded() -> list[Change] | None:
    """Return what was recorded since `start_recording`, in order; None if that was not enabled."""
    global _recorded
    recorded, _recorded = _recorded, None
    return recorded


def record_batch(
    batch: Batch, experiment_id: int, tags: Sequence[tuple[str, str]], console_line: int
) -> None:
    """Record what was written of a batch, unless that is nothing.

    Args:
        batch: the batch.
        experiment_id: the internal id of the experiment of its run.
        tags: those of its tags that were set.
        console_line: the number of the first line that is new; 0 if there is none.
    """
    if _recorded is None:
        return
    if batch.tags or batch.console or batch.catalog is not None:
        batch = replace(batch, tags=tags, console=(), console_line=console_line, catalog=None)
    if batch.has_data() or console_line:
        _recorded.append(Change(batch.run_id, experiment_id, batch=batch))


def record_run(
    run: Run, tags: Pairs = (), deleted_tags: tuple[str, ...] = (), *, is_ended: bool = False
) -> None:
    """Record the new state of a run, and tags that were set or deleted with it."""
    if _recorded is not None:
        change = Change(run.uuid, run.experiment_id, run, None, tags, deleted_tags)
        change.is_ended = is_ended
        _recorded.append(change)


def record_runs(
    runs: Iterable[int],
    tags: Pairs = (),
    deleted_tags: tuple[str, ...] = (),
    *,
    is_ended: bool = False,
) -> None:
    """Record the new state of the runs of these internal ids; else as `record_run`."""
    if _recorded is not None:
        for run in _SELECT.models(Run, array_of(runs)):
            record_run(run, tags, deleted_tags, is_ended=is_ended)


def record_moved_runs(moved_from: Mapping[int, int]) -> None:
    """Record the new state of runs, by the internal ids of the experiments they were in before."""
    if _recorded is not None:
        for run in _SELECT.models(Run, array_of(moved_from)):
            change = Change(run.uuid, run.experiment_id, run, moved_from=moved_from[run.id])
            _recorded.append(change)


def record_deleted_tags(run_id: str, experiment_id: int, keys: Iterable[str]) -> None:
    """Record that tags were deleted."""
    if _recorded is not None:
        _recorded.append(Change(run_id, experiment_id, deleted_tags=tuple(keys)))


def record_purged_run(run_id: str, experiment_id: int) -> None:
    """Record that a run was removed for good."""
    if _recorded is not None:
        _recorded.append(Change(run_id, experiment_id, purged=True))
