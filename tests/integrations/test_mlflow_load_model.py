"""Models that autologging stores are read by MLflow."""

from __future__ import annotations

import json

import pytest

from support.frameworks import PROGRAMS, Frameworks

PROGRAM = (PROGRAMS / "mlflow_load_model.py").read_text()


@pytest.mark.parametrize(("environment", "models"), [("trees", 7), ("lightning", 1)])
def test_mlflow_reads_a_stored_model_which_predicts_the_same(
    frameworks: Frameworks, environment: str, models: int
) -> None:
    told = frameworks.run(environment, PROGRAM, environment, MLFLOW_DISABLE_TELEMETRY="true")
    same = json.loads(told.splitlines()[-1])
    assert len(same) == models
    assert list(same.values()) == [[True, True]] * models, same
