"""Batches that start runs and share a transaction with commands that change their experiment."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from runstream.errors import FailedPrecondition, NotFound
from runstream_service.access.caller import ANYONE
from runstream_service.catalog import experiment_updates, experiments, run_deletion, runs
from runstream_service.engine.batch import Batch
from runstream_service.engine.catalog_writes import CatalogWrites, RunStart
from runstream_service.engine.sqlite import SqliteEngine
from runstream_service.engine.store import Store
from runstream_service.ingest.ingest import Ingest
from runstream_service.live.heartbeats import Heartbeats
from runstream_service.points.append import PointAppender
from runstream_service.points.backlog import Backlog

T = TypeVar("T")


class Transactions:
    """Runs functions as the writer does, in one transaction until `commit`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ingest = Ingest(Heartbeats(100.0), PointAppender(Backlog(store.engine)))

    def commit(self, function: Callable[[], T]) -> T:
        with self._store.engine.write_transaction():
            found = function()
            self.ingest.flush()
        return found

    def start(self, name: str) -> int:
        """Start a run in the experiment of a name; return the internal id of that."""
        start = RunStart("0", name, "ada", "", 1, heartbeat=True)
        batch = Batch(secrets.token_hex(16), catalog=CatalogWrites(start))
        applied = self.ingest.apply(ANYONE, batch)
        assert applied is not None
        return int(applied.row.experiment_id)


@pytest.fixture
def transactions(tmp_path: Path) -> Iterator[Transactions]:
    store = Store.open(SqliteEngine(tmp_path / "runs.db"))
    with closing(store):
        yield Transactions(store)


def test_a_start_after_the_deletion_of_its_experiment_is_refused(
    transactions: Transactions,
) -> None:
    """E3."""

    def start_and_delete() -> None:
        experiment = transactions.start("e")
        assert transactions.start("e") == experiment
        experiment_updates.delete(ANYONE, str(experiment), None)
        with pytest.raises(FailedPrecondition):
            transactions.start("e")
        experiment_updates.restore(ANYONE, str(experiment), None)
        assert transactions.start("e") == experiment

    transactions.commit(start_and_delete)


def test_a_start_finds_its_experiment_by_the_name_that_it_has_then(
    transactions: Transactions,
) -> None:
    def start_and_rename() -> None:
        experiment = transactions.start("e")
        experiment_updates.rename(ANYONE, str(experiment), "other", None)
        assert transactions.start("e") != experiment
        assert transactions.start("other") == experiment

    transactions.commit(start_and_rename)


def test_an_experiment_of_a_transaction_that_was_undone_is_not_found(
    transactions: Transactions,
) -> None:
    def start_and_fail() -> None:
        transactions.start("e")
        raise LookupError

    with pytest.raises(LookupError):
        transactions.commit(start_and_fail)
    transactions.ingest.reset()
    experiment = transactions.commit(lambda: transactions.start("e"))
    found = transactions.commit(lambda: experiments.describe_by_name(ANYONE, "e"))
    assert found.row.id == experiment


def test_a_run_that_is_deleted_in_the_transaction_that_started_it_takes_no_more(
    transactions: Transactions,
) -> None:
    run_id = secrets.token_hex(16)
    start = CatalogWrites(RunStart("0", "", "", "", 1, heartbeat=False))

    def start_and_delete() -> None:
        transactions.ingest.apply(ANYONE, Batch(run_id, catalog=start))
        run_deletion.delete(ANYONE, run_id, False, None)
        for batch in (Batch(run_id, params=[("p", "1")]), Batch(run_id, catalog=start)):
            with pytest.raises(FailedPrecondition):
                transactions.ingest.apply(ANYONE, batch)
        with pytest.raises(NotFound):
            transactions.ingest.apply(ANYONE, Batch("f" * 32, catalog=CatalogWrites()))

    transactions.commit(start_and_delete)
    assert transactions.commit(lambda: runs.get(ANYONE, run_id)).deleted
