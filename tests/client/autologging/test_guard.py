"""A server that goes away during a training and comes back, and what is then logged of it."""

from __future__ import annotations

import logging
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
    def lose_the_server_for_a_while() -> None:
        monkeypatch.setattr(connection, "RETRY_SECONDS", 0.5)
        autologging.kill()
        end = time.monotonic() + 60
        while not warnings(caplog):  # the data of the training could not be recorded
            assert time.monotonic() < end
            time.sleep(0.05)
        monkeypatch.setattr(connection, "RETRY_SECONDS", 30.0)
        autologging.restart()

    monkeypatch.setattr(Slow, "happening", staticmethod(lose_the_server_for_a_while), raising=False)
    runstream.sklearn.autolog()
    Slow().fit(DATA, TARGET)
    run = runstream.last_active_run()
    assert run is not None
    assert run.info.status == "FINISHED"
    assert run.data.params["alpha"] == "1.0"
    assert "training_r2_score" in run.data.metrics
    model = runstream.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert model.predict([[1.0]]).shape == (1,)
    assert len(warnings(caplog)) == 1


def test_after_a_pause_a_training_waits_for_the_server_again_but_not_long(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []

    def fail() -> None:
        calls.append(runstream.transport.call_limit.call_limit() - time.monotonic())
        raise Unavailable("away")

    monkeypatch.setattr("runstream.autologging.guard._paused_until", 0.0)  # put back afterwards
    monkeypatch.setattr("runstream.autologging.guard.WAIT_SECONDS", 0.0)
    guard = Guard("a library", silent=False)
    guard.attempt(fail)
    assert guard.attempt(lambda: "queued") == "queued"
    guard.attempt(fail)  # within the pause
    assert guard.is_paused
    guard.attempt_later(fail)
    guard.end_pause()
    guard.attempt(fail)
    waits = [round(seconds, 1) for seconds in calls]
    assert waits == [0.0, 0.0, 1.0]
    assert guard.is_paused
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
