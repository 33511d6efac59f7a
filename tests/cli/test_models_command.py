"""`runstream models`: the model registry from a shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from runstream import TrackingClient
from support.shell import Shell


@pytest.fixture
def source(client: TrackingClient) -> str:
    """The URI of the files of a model."""
    run_id = client.create_run().info.run_id
    client.log_text(run_id, "flavors: {}", "best/MLmodel")
    return f"runs:/{run_id}/best"


def test_models_are_registered_changed_shown_and_deleted(shell: Shell, source: str) -> None:
    head = ["name", "latest version", "aliases", "changed", "description"]
    assert shell.rows("models", "list", "--filter", "name LIKE 'fraud%'") == [head]
    told = shell.output("models", "register", source, "fraud cards", "--tag", "checked=yes")
    assert told == "Registered version 1 of 'fraud cards'.\n"
    second = shell.json("models", "register", "models:/fraud cards/1", "fraud cards")
    assert (second["version"], second["current_stage"]) == ("2", "None")
    for arguments in (
        ("alias", "fraud cards", "champion", "1"),
        ("stage", "fraud cards", "2", "production", "--archive-existing"),
        ("tag", "fraud cards", "team", "risk"),
        ("tag", "fraud cards", "area", "east", "--version", "2"),
        ("tag", "fraud cards", "area", "--version", "2", "--delete"),
        ("tag", "fraud cards", "gone", "soon"),
        ("tag", "fraud cards", "gone", "--delete"),
    ):
        assert shell.run("models", *arguments).exit_code == 0

    _, row = shell.rows("models", "list", "--filter", "name LIKE 'fraud%'")
    assert row[:3] == ["fraud cards", "2", "champion = 1"]
    [listed] = shell.json("models", "list", "--filter", "name LIKE 'fraud%'")
    assert listed["aliases"] == {"champion": "1"}
    shown = dict(shell.rows("models", "show", "fraud cards"))
    assert shown["latest versions"] == "1 (None), 2 (Production)"
    assert shown["tags.team"] == "risk"
    assert "tags.gone" not in shown
    version = dict(shell.rows("models", "show", "fraud cards", "--version", "1"))
    assert (version["aliases"], version["source"]) == ("champion", source)
    assert version["tags.checked"] == "yes"
    assert shell.json("models", "show", "fraud cards", "--version", "2")["tags"] == {}
    numbers = [row[1] for row in shell.rows("models", "versions", "fraud cards")]
    assert numbers == ["version", "2", "1"]
    found = shell.json("models", "versions", "--filter", "current_stage = 'Production'")
    assert [one["version"] for one in found] == ["2"]

    assert shell.run("models", "alias", "fraud cards", "champion", "--delete").exit_code == 0
    told = shell.output("models", "delete", "fraud cards", "--version", "2")
    assert told == "Deleted version 2 of 'fraud cards'.\n"
    assert shell.json("models", "show", "fraud cards")["aliases"] == {}
    shell.output("models", "delete", "fraud cards")
    assert shell.json("models", "list", "--filter", "name LIKE 'fraud%'") == []


def test_the_files_of_a_version_are_downloaded(shell: Shell, source: str, tmp_path: Path) -> None:
    shell.output("models", "register", source, "taxi")
    assert shell.run("models", "alias", "taxi", "champion", "1").exit_code == 0
    for number, model in enumerate(("taxi/1", "taxi@champion", "models:/taxi/latest")):
        target = tmp_path / str(number)
        local = shell.json("models", "download", model, "-d", str(target))["path"]
        assert (Path(local) / "MLmodel").read_text() == "flavors: {}"
    assert shell.json("artifacts", "list", "models:/taxi/1")[0]["path"] == "best/MLmodel"


def test_what_is_wrong_is_said(shell: Shell, source: str) -> None:
    shell.output("models", "register", source, "wrong")
    assert "nothing" in shell.refusal(3, "models", "show", "nothing")
    assert "nothing" in shell.refusal(3, "models", "versions", "nothing")
    assert "version=2" in shell.refusal(3, "models", "show", "wrong", "--version", "2")
    assert "models:/NAME/VERSION" in shell.refusal(2, "models", "download", "wrong")
    assert "VERSION or --delete" in shell.refusal(2, "models", "alias", "wrong", "a")
    assert "VALUE or --delete" in shell.refusal(2, "models", "tag", "wrong", "a")
    assert "source" in shell.refusal(2, "models", "register", "file:///etc/passwd", "wrong")
