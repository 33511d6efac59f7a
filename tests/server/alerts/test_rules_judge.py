"""Rules judge what is committed, once: rows N6 to N8 of docs/behaviour.md."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runstream.v1.alert_pb2 import AlertLevel
from runstream.v1.run_moves_pb2 import MoveRunsRequest
from runstream.v1.run_pb2 import RunStatus
from runstream.v1.run_service_pb2 import UpdateRunRequest
from runstream_service.access.caller import ANYONE
from runstream_service.alerts import metric_conditions
from runstream_service.alerts.judge import Judge
from runstream_service.alerts.rule_book import RuleBook
from runstream_service.alerts.silence import Silence
from runstream_service.catalog import alert_rule_updates, alerts, runs
from runstream_service.catalog.alert_rules import (
    AlertLevel as Level,
)
from runstream_service.catalog.alert_rules import (
    Condition,
    ConditionKind,
    Destinations,
)
from runstream_service.engine import changes
from runstream_service.engine.batch import Batch
from runstream_service.engine.changes import Change
from runstream_service.engine.store import Store, open_engine
from runstream_service.engine.tables import AlertState, Run
from runstream_service.rpc.log_requests import checked_batch
from support.alerts import alerts_of, create_rule, update_rule
from support.api import Api, make_batch
from support.postgres import Postgres
from support.server_process import ServerProcess

LOSS_ABOVE = {"metric_above": {"metric_key": "loss", "threshold": 2}}
LOSS_BELOW = {"metric_below": {"metric_key": "loss", "threshold": 0}}
ERROR = AlertLevel.ALERT_LEVEL_ERROR
ENDED = (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)


@pytest.fixture
def experiment(shared: Api) -> str:
    return shared.create_experiment(secrets.token_hex(8))


def log(api: Api, run_id: str, *points: tuple[str, int, float]) -> None:
    batch = make_batch(run_id, [(key, step, 1000 + step, value) for key, step, value in points])
    (answer,) = api.log_batches([batch])
    assert not answer.error.reason


def set_status(api: Api, run_id: str, status: RunStatus.ValueType) -> None:
    api.runs.UpdateRun(UpdateRunRequest(run_id=run_id, status=status))


def told(api: Api, experiment: str) -> list[tuple[str, str, int, float]]:
    found = alerts_of(api, experiment_id=experiment)
    return [(a.run_id, a.metric_key, a.step, a.value) for a in reversed(found)]


@pytest.mark.parametrize(
    ("condition", "values", "value"),
    [
        (LOSS_ABOVE, [2.0, math.nan, -math.inf, 2.5, 3.0], 2.5),
        ({"metric_above": {"metric_key": "loss", "threshold": 1e300}}, [1e299, math.inf], math.inf),
        (
            {"metric_below": {"metric_key": "loss", "threshold": 0}},
            [0.0, math.nan, -1e-300],
            -1e-300,
        ),
    ],
)
def test_the_first_point_beyond_a_threshold_is_told(
    shared: Api, experiment: str, condition: dict[str, Any], values: list[float], value: float
) -> None:
    """N6."""
    rule = create_rule(
        shared,
        experiment_id=experiment,
        name="bad",
        level=AlertLevel.ALERT_LEVEL_ERROR,
        **condition,
    )
    run_id = shared.create_run(experiment)
    log(shared, run_id, *(("acc", step, 100.0) for step in range(3)))
    log(shared, run_id, *(("loss", step, value) for step, value in enumerate(values)))
    (alert,) = alerts_of(shared, experiment_id=experiment)
    assert (alert.rule_id, alert.title, alert.level) == (rule.rule_id, "bad", 3)
    assert (alert.run_id, alert.metric_key, alert.value) == (run_id, "loss", value)
    assert alert.step == values.index(value)
    assert alert.text.startswith(f"Run {alert.run_name}: loss is ")


def test_nan_is_told_of_one_metric_or_of_any(shared: Api, experiment: str) -> None:
    """N6."""
    create_rule(shared, experiment_id=experiment, metric_nan={})
    create_rule(shared, experiment_id=experiment, metric_nan={"metric_key": "b"})
    run_id = shared.create_run(experiment)
    log(shared, run_id, ("a", 1, 1.0), ("a", 2, math.nan), ("b", 1, math.inf), ("b", 2, math.nan))
    found = sorted(key for _, key, _, _ in told(shared, experiment))
    assert found == ["a", "b", "b"]
    log(shared, shared.create_run(experiment), *((f"m{n}", 0, math.nan) for n in range(15)))
    assert len(told(shared, experiment)) == 3 + metric_conditions.MAX_METRICS


def test_a_condition_that_holds_is_told_once_also_after_a_restart(
    server: ServerProcess, api: Api, connect: Callable[..., Api]
) -> None:
    """N7."""
    experiment = api.create_experiment("e")
    create_rule(api, experiment_id=experiment, **LOSS_ABOVE)
    one, two = api.create_run(experiment), api.create_run(experiment)
    for step in range(3):
        log(api, one, ("loss", step, 3.0))
    log(api, two, ("loss", 7, 3.0))
    server.kill()
    again = connect(server.restart().address)
    log(again, one, ("loss", 3, 4.0))
    log(again, one, ("loss", 0, 3.0))  # a batch that comes again
    assert told(again, experiment) == [(one, "loss", 0, 3.0), (two, "loss", 7, 3.0)]


def test_a_rule_judges_its_run_alone_and_nothing_while_it_is_disabled(
    shared: Api, experiment: str
) -> None:
    """N6."""
    one, two = shared.create_run(experiment), shared.create_run(experiment)
    log(shared, one, ("loss", 0, 9.0))  # before the rule
    rule = create_rule(shared, run_id=one, **LOSS_ABOVE)
    log(shared, two, ("loss", 0, 9.0))
    assert told(shared, experiment) == []
    update_rule(shared, rule, enabled=False)
    log(shared, one, ("loss", 1, 9.0))
    assert told(shared, experiment) == []
    update_rule(shared, rule, enabled=True)
    log(shared, one, ("loss", 2, 9.0))
    assert told(shared, experiment) == [(one, "loss", 2, 9.0)]
    update_rule(shared, rule, metric_below={"metric_key": "loss", "threshold": 10})
    log(shared, one, ("loss", 3, 9.0))
    assert [step for _, _, step, _ in told(shared, experiment)] == [2, 3]


def test_the_end_of_a_run_is_told_once(shared: Api, experiment: str) -> None:
    """N6."""
    create_rule(shared, experiment_id=experiment, name="ended", run_ended={})
    create_rule(shared, experiment_id=experiment, name="failed", run_failed={})
    runs = [shared.create_run(experiment) for _ in ENDED]
    for run_id, status in zip(runs, ENDED, strict=True):
        for _ in range(2):
            set_status(shared, run_id, status)
        shared.runs.UpdateRun(UpdateRunRequest(run_id=run_id, run_name="renamed"))
    found = alerts_of(shared, experiment_id=experiment)
    assert sorted((alert.run_id, alert.title) for alert in found) == sorted(
        [*((run_id, "ended") for run_id in runs), (runs[1], "failed")]
    )
    set_status(shared, runs[0], RunStatus.RUNNING)
    set_status(shared, runs[0], RunStatus.FAILED)
    assert len(alerts_of(shared, run_id=runs[0])) == 3


def test_rules_and_alerts_go_with_a_run_that_is_moved(shared: Api, experiment: str) -> None:
    """N6, R10."""
    run_id = shared.create_run(experiment)
    create_rule(shared, run_id=run_id, **LOSS_ABOVE)
    log(shared, run_id, ("loss", 0, 9.0))
    target = shared.create_experiment(secrets.token_hex(8))
    request = MoveRunsRequest(run_ids=[run_id], experiment_id=target)
    shared.runs.MoveRuns(request)
    assert told(shared, experiment) == []
    assert told(shared, target) == [(run_id, "loss", 0, 9.0)]


def test_several_servers_tell_of_a_run_once(
    tmp_path: Path, connect: Callable[..., Api], postgres: Postgres
) -> None:
    """N7."""
    url = postgres.create_migrated_database()
    servers = [ServerProcess(tmp_path / name, url=url) for name in ("one", "two")]
    one, two = (connect(server.address) for server in servers)
    experiment = one.create_experiment("e")
    create_rule(one, experiment_id=experiment, **LOSS_ABOVE)
    run_id = two.create_run(experiment)
    for step in range(10):
        for api in (one, two):
            log(api, run_id, ("loss", step, 9.0))
    assert len(told(one, experiment)) == 1
    for server in servers:
        server.stop()


class Bench:
    """A database with a run, and what judges it, without a server."""

    def __init__(self, store: Store, condition: Condition) -> None:
        self.engine = store.engine
        self.book = RuleBook()
        self.silence = Silence(self.book)
        self.judge = Judge(self.book, self.silence)
        with self.engine.connection_context(), self.engine.write_transaction():
            new = runs.NewRun("0", "", "r", 0, [], "", False)
            self.run = runs.create(ANYONE, new).run
            rule = alert_rule_updates.NewRule(
                "0", "", "rule", Level.WARN, condition, Destinations(), ""
            )
            self.rule = alert_rule_updates.create(ANYONE, rule, None).row

    def change_rule(self, **fields: Any) -> None:
        """Change the rule as another server does."""
        change = alert_rule_updates.Change(**fields)
        with self.engine.connection_context(), self.engine.write_transaction():
            alert_rule_updates.update(ANYONE, self.rule.uuid, change, None)

    def told_metrics(self) -> list[str]:
        """Return the metrics of all alerts."""
        with self.engine.connection_context():
            found = alerts.page(ANYONE, "0", "", 0, None, 100).alerts
            return [alert.row.metric_key for alert in reversed(found)]

    def commit(
        self, change: Change | None = None, silent: bool = False, is_judged: bool = True
    ) -> list[int | None]:
        """Judge a change, or look for silent runs; return the steps of all alerts."""
        with self.engine.connection_context(), self.engine.write_transaction():
            assert self.judge.begin() == is_judged
            if change:
                self.judge.judge([change])
            if silent:
                self.silence.tell_of_silent_runs()
            found = alerts.page(ANYONE, "0", "", 0, None, 100).alerts
            return [alert.row.step for alert in reversed(found)]

    def points(self, *points: tuple[int, float], key: str = "loss") -> Change:
        """Return the change of a batch with points."""
        message = make_batch(self.run.uuid, [(key, s, 1000 + s, v) for s, v in points])
        batch: Batch = checked_batch(message.SerializeToString())
        return Change(self.run.uuid, self.run.experiment_id, batch=batch)

    def let_pass(self, minutes: float) -> None:
        """Have all that is known be older."""
        older = AlertState.time - round(minutes * 60_000)
        with self.engine.connection_context(), self.engine.write_transaction():
            AlertState.update(time=older).execute()
        self.silence.reset()


@pytest.fixture
def make_bench(tmp_path: Path, new_url: Callable[[], str | None]) -> Any:
    store = Store.open(open_engine(new_url() or f"sqlite:///{tmp_path}/bench.db"))
    yield lambda condition: Bench(store, condition)
    store.close()


def test_a_condition_is_told_again_after_it_did_not_hold(make_bench: Any) -> None:
    """N7."""
    bench = make_bench(Condition(ConditionKind.METRIC_ABOVE, "loss", 2))
    assert bench.commit(bench.points((0, 1), (1, 3), (2, 3))) == [1]
    bench.let_pass(2)
    assert bench.commit(bench.points((3, 3))) == [1]  # it still holds
    assert bench.commit(bench.points((4, 1), (5, 3), (6, 1))) == [1, 5]
    assert bench.commit(bench.points((7, 3))) == [1, 5]  # no sooner than a minute later
    bench.let_pass(2)
    assert bench.commit(bench.points((7, 3))) == [1, 5, 7]
    bench.let_pass(2)
    assert bench.commit(bench.points((4, 1), (5, 3), (6, 1), (7, 3))) == [1, 5, 7]  # sent again
    assert bench.commit(bench.points((8, 1))) == [1, 5, 7]
    assert bench.commit(bench.points((9, 3))) == [1, 5, 7, 9]


def test_a_running_run_without_news_is_told_once(make_bench: Any) -> None:
    """N8."""
    bench = make_bench(Condition(ConditionKind.RUN_SILENT, bound=10))
    assert bench.commit(silent=True) == []  # it had no news since the rule was made
    bench.commit(bench.points((0, 1)))
    bench.let_pass(10)
    assert bench.commit(silent=True) == []  # within a tenth more
    bench.let_pass(2)
    bench.commit(bench.points((0, 1), key="system/cpu"))
    assert bench.commit(silent=True) == [None]
    bench.let_pass(20)
    assert bench.commit(silent=True) == [None]
    bench.commit(bench.points((1, 1)))
    assert bench.commit(silent=True) == [None]
    bench.let_pass(20)
    assert bench.commit(silent=True) == [None, None]
    bench.commit(bench.points((2, 1)))
    end = Change(bench.run.uuid, bench.run.experiment_id, bench.run, is_ended=True)
    bench.commit(end)
    bench.let_pass(20)
    assert bench.commit(silent=True) == [None, None]


def test_silence_is_told_though_the_clock_is_set_back(make_bench: Any) -> None:
    """N8."""
    bench = make_bench(Condition(ConditionKind.RUN_SILENT, bound=10))
    bench.commit(bench.points((0, 1)))
    bench.let_pass(-600)
    assert bench.commit(silent=True) == []
    bench.let_pass(10)
    assert bench.commit(silent=True) == []
    bench.let_pass(2)
    assert bench.commit(silent=True) == [None]


def test_a_condition_is_told_though_the_clock_is_set_back(make_bench: Any) -> None:
    """N7."""
    bench = make_bench(Condition(ConditionKind.METRIC_ABOVE, "loss", 2))
    assert bench.commit(bench.points((0, 3), (1, 1))) == [0]
    bench.let_pass(-600)
    assert bench.commit(bench.points((2, 3))) == [0, 2]


def test_a_rule_that_another_server_has_renamed_tells_what_happens_once(make_bench: Any) -> None:
    """N6."""
    bench = make_bench(Condition(ConditionKind.RUN_ENDED))
    bench.commit(bench.points((0, 1)))
    bench.change_rule(name="renamed")
    with bench.engine.connection_context():
        run = Run.get(Run.uuid == bench.run.uuid)
    run.status = RunStatus.FINISHED
    end = Change(run.uuid, run.experiment_id, run, is_ended=True)
    assert bench.commit(end) == [None]
    bench.change_rule(condition=Condition(ConditionKind.RUN_FAILED))
    assert bench.commit(end) == [None]
    bench.change_rule(enabled=False)
    assert bench.commit(end, is_judged=False) == [None]


def test_a_rule_for_any_metric_tells_of_the_first_that_are_nan(make_bench: Any) -> None:
    """N6."""
    bench = make_bench(Condition(ConditionKind.METRIC_NAN))
    for step in range(3):
        points = [(f"m{n}", step, 1000 + step, math.nan) for n in range(7 * (step + 1))]
        batch = checked_batch(make_batch(bench.run.uuid, points).SerializeToString())
        bench.commit(Change(bench.run.uuid, bench.run.experiment_id, batch=batch))
    keys = bench.told_metrics()
    assert keys == [f"m{n}" for n in range(metric_conditions.MAX_METRICS)]
    bench.let_pass(2)
    assert bench.commit(bench.points((3, 1.0), (4, math.nan), key="m1"))[-1] == 4


def test_silence_begins_anew_when_a_run_is_moved(make_bench: Any) -> None:
    """N8."""
    bench = make_bench(Condition(ConditionKind.RUN_SILENT, "", 10))
    bench.commit(bench.points((0, 1)))
    with bench.engine.connection_context(), bench.engine.write_transaction():
        AlertState.delete().execute()  # as the move does
    bench.commit(Change(bench.run.uuid, bench.run.experiment_id, bench.run, moved_from=99))
    bench.let_pass(12)
    assert bench.commit(silent=True) == [None]


def test_what_judges_while_there_are_no_rules_reads_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N6."""
    store = Store.open(open_engine(f"sqlite:///{tmp_path}/bench.db"))
    book = RuleBook()
    judge = Judge(book, Silence(book))
    with store.engine.connection_context(), store.engine.write_transaction():
        assert not judge.begin()
        monkeypatch.setattr(book, "_load", lambda: pytest.fail("the rules are read again"))
        assert not judge.begin()
        changes.start_recording(judge.begin())
        assert changes.take_recorded() is None
    store.close()
