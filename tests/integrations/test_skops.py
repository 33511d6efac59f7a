"""Estimators in the format of skops, which nobody unpickles."""

from __future__ import annotations

import json

import pytest

from support.frameworks import PROGRAMS, Frameworks

PROGRAM = (PROGRAMS / "skops_models.py").read_text()


@pytest.mark.parametrize("environment", ["trees", "trees-lowest"])
def test_estimators_of_skops_predict_the_same_and_only_types_that_are_trusted_are_made(
    frameworks: Frameworks, environment: str
) -> None:
    told = json.loads(frameworks.run(environment, PROGRAM).splitlines()[-1])
    assert told["autolog"] is told["trees"] is True
    assert told["options"] == ["model.skops", ["sklearn.tree._tree.Tree"]]
    assert "types that skops does not trust: 'posix.system'" in told["refused"]
    assert told["trap"] == ["BadZipFile", False]
