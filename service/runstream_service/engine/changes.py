"""What the commands of a transaction change, noted for those who watch runs.

Commands note here what they did, on the writer's thread alone. The writer begins a transaction by
`begin`, and takes what was noted with `take` after the commit; a rollback drops it. While nobody
is interested, nothing is noted, and what is only needed for a note is not read either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runstream_service.engine.batch import Batch
from runstream_service.engine.statements import VALUES, compile_sql, json_array
from runstream_service.engine.tables import Run

Pairs = Iterable[tuple[str, str]]

_SELECT = compile_sql(Run.select().where(Run.id.in_(VALUES)))


@dataclass(slots=True)
class Change:
    """A change of one run; what is empty did not change.

    Attributes:
        run: what the run is now.
        batch: points, params and tags, as they were logged.
        tags: tags that were set otherwise.
    """

    run_id: str
    experiment_id: int
    run: Run | None = None
    batch: Batch | None = None
    tags: Pairs = ()
    deleted_tags: tuple[str, ...] = ()
    purged: bool = False


_noted: list[Change] | None = None  # None while nobody is interested


def begin(wanted: bool) -> None:
    """Begin to note the changes of a transaction, if they are wanted."""
    global _noted
    _noted = [] if wanted else None


def take() -> list[Change] | None:
    """Return what was noted since `begin`, in order; None if nobody was interested."""
    global _noted
    noted, _noted = _noted, None
    return noted


def logged(batch: Batch, experiment_id: int) -> None:
    """Note a batch that was applied."""
    if _noted is not None:
        _noted.append(Change(batch.run_id, experiment_id, batch=batch))


def run_changed(run: Run, tags: Pairs = (), deleted_tags: tuple[str, ...] = ()) -> None:
    """Note what a run is now, and tags that were set or deleted with that."""
    if _noted is not None:
        _noted.append(Change(run.uuid, run.experiment_id, run, None, tags, deleted_tags))


def runs_changed(runs: Iterable[int], tags: Pairs = (), deleted_tags: tuple[str, ...] = ()) -> None:
    """Note what the runs of these internal ids are now; else as `run_changed`."""
    if _noted is not None:
        for run in Run.raw(_SELECT, json_array(runs)):
            run_changed(run, tags, deleted_tags)


def tag_deleted(run_id: str, experiment_id: int, key: str) -> None:
    """Note that a tag was deleted."""
    if _noted is not None:
        _noted.append(Change(run_id, experiment_id, deleted_tags=(key,)))


def run_purged(run_id: str, experiment_id: int) -> None:
    """Note that a run was removed for good."""
    if _noted is not None:
        _noted.append(Change(run_id, experiment_id, purged=True))
