"""A server that goes away during a training and comes back, and what is then logged of it."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

import runstream
from runstream.autologging import painter
from runstream.autologging.guard import Guard
from runstream.errors import Unavailable
from runstream.transport import connection
from support.server_process import ServerProcess

DATA, TARGET = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.1, 1.9, 3.2])


class Slow(Ridge):  # type: ignore[misc]
    """An estimator during whose training something happens."""

    happening: Callable[[], None]

    def fit(self, X: object, y: object) -> Slow:  # noqa: N803 - scikit-learn's names
        type(self).happening()
        super().fit(X, y)
        return self


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and "not all of a training" in record.getMessage()
    ]


def test_a_training_whose_server_was_away_stores_its_model_when_the_server_is_back(
    autologging: ServerProcess, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Slow, "happening", staticmethod(autologging.kill), raising=False)
    runstream.sklearn.autolog()
    Slow().fit(DATA, TARGET)
    autologging.restart()
    run = runstream.last_active_run()
    assert run is not None
    assert run.info.status == "FINISHED"
    assert run.data.params["alpha"] == "1.0"
    assert "training_r2_score" in run.data.metrics
    model = runstream.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert model.predict([[1.0]]).shape == (1,)
    assert warnings(caplog) == []


def test_a_training_waits_for_the_server_in_all_no_longer_than_its_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[float] = []

    def fail() -> None:
        ends.append(runstream.transport.call_limit.call_limit())
        time.sleep(0.3)
        raise Unavailable("away")

    monkeypatch.setattr("runstream.autologging.guard.WAIT_SECONDS", 0.2)
    guard = Guard("a library", silent=False)
    began = time.monotonic()
    guard.attempt(fail)
    failed = time.monotonic()
    assert guard.attempt(lambda: "queued") == "queued"
    tried_again = time.monotonic()
    guard.attempt(fail)
    guard.attempt_later(fail)
    first, second, later = ends
    assert began + 0.2 <= first <= failed - 0.3 + 0.2
    assert tried_again <= second <= time.monotonic() - 2 * 0.3
    assert later == math.inf
    assert len(warnings(caplog)) == 1


@pytest.mark.usefixtures("autologging")
def test_each_training_of_which_figures_are_left_out_is_warned_of_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painter, "MAX_WAITING", 0)
    runstream.sklearn.autolog()
    for _ in range(2):
        DecisionTreeClassifier().fit(DATA, np.array([0, 1, 0, 1]))
    assert len(warnings(caplog)) == 2
    assert "0 figures wait to be drawn" in warnings(caplog)[0]


def test_a_training_and_scores_that_the_server_does_not_answer_keep_their_params_and_metrics(
    autologging: ServerProcess, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RETRY_SECONDS", 1.0)
    monkeypatch.setattr("runstream.autologging.guard.WAIT_SECONDS", 1.0)
    runstream.sklearn.autolog()
    run = runstream.start_run()
    os.kill(autologging.process.pid, signal.SIGSTOP)
    try:
        model = Ridge().fit(DATA, TARGET)
        monkeypatch.setattr("runstream.outbox.deferred_work.LIMIT", 10)
        scores = [model.score(DATA, TARGET) for _ in range(50)]
    finally:
        os.kill(autologging.process.pid, signal.SIGCONT)
    assert len(warnings(caplog)) == 1  # of what had no room among the calls that are left for later
    assert "were left for later" in warnings(caplog)[0]
    runstream.end_run()
    assert run.data.params["alpha"] == "1.0"
    logged = run.read().data.metrics
    assert logged["training_r2_score"] == pytest.approx(scores[0])
    later = {key: value for key, value in logged.items() if key.startswith("Ridge_score")}
    assert later == {
        f"Ridge_score{'' if number == 0 else f'-{number + 1}'}_DATA": score
        for number, score in enumerate(scores)
    }


@pytest.mark.usefixtures("autologging")
def test_a_method_of_the_model_that_exits_is_one_warning_and_a_signal_ends_the_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Exiting(Ridge):  # type: ignore[misc]
        error: Callable[[], object]

        def predict(self, _: object) -> object:
            return type(self).error()

    def limit_time(*_: object) -> None:
        raise TimeoutError("the limit of the user")

    runstream.sklearn.autolog(log_models=False)
    Exiting.error = staticmethod(sys.exit)
    Exiting().fit(DATA, TARGET)
    assert "SystemExit" in warnings(caplog)[0]
    before = signal.signal(signal.SIGUSR1, limit_time)
    try:
        Exiting.error = staticmethod(lambda: signal.raise_signal(signal.SIGUSR1))
        with pytest.raises(TimeoutError, match="the limit of the user"):
            Exiting().fit(DATA, TARGET)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(warnings(caplog)) == 1
