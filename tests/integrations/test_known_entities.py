"""What MLflow's programs know of runs while the server is away."""

from __future__ import annotations

import pytest

from runstream.mlflow_plugin import known_entities


def test_what_was_kept_again_lately_is_not_dropped_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_entities, "_MAX_ENTITIES", 2)
    known = known_entities.KnownEntities[str]()
    known.keep("first", "RUNNING")
    known.keep("second", "RUNNING")
    known.keep("first", "FINISHED")
    known.keep("third", "RUNNING")
    assert known.find("second") is None
    assert known.find("first") == "FINISHED"
