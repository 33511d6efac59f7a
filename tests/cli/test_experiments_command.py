"""`runstream experiments` against a real server."""

from __future__ import annotations

import pytest

from runstream import TrackingClient
from support.shell import Shell


def test_an_experiment_is_created_as_in_the_documentation_of_mlflow(
    shell: Shell, client: TrackingClient
) -> None:
    said = shell.output("experiments", "create", "--experiment-name", "fraud-detection")
    experiment = client.get_experiment_by_name("fraud-detection")
    assert experiment is not None
    assert said == f"Created experiment 'fraud-detection' with id {experiment.experiment_id}.\n"


@pytest.mark.parametrize("variable", ["RUNSTREAM_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_NAME"])
def test_the_name_may_come_from_the_environment(
    shell: Shell, client: TrackingClient, variable: str
) -> None:
    shell.output("experiments", "create", **{variable: f"by {variable}"})
    experiment = client.get_experiment_by_name(f"by {variable}")
    assert experiment is not None
    assert shell.json("experiments", "show", **{variable: experiment.name})["experiment_id"] == (
        experiment.experiment_id
    )


def test_where_its_artifacts_are_is_said_when_it_is_created(shell: Shell) -> None:
    made = shell.json("experiments", "create", "-n", "elsewhere", "-l", "s3://bucket/folder")
    shown = shell.json("experiments", "show", "-x", made["experiment_id"])
    assert shown["artifact_location"] == "s3://bucket/folder"


def test_json_has_the_names_of_the_contract(shell: Shell, client: TrackingClient) -> None:
    experiment_id = client.create_experiment("json", tags={"team": "a"})
    experiment = client.get_experiment(experiment_id)
    expected = {
        "experiment_id": experiment_id,
        "name": "json",
        "artifact_location": f"mlflow-artifacts:/{experiment_id}",
        "lifecycle_stage": "active",
        "deleted_by": None,
        "role": "owner",
        "creation_time": experiment.creation_time,
        "last_update_time": experiment.last_update_time,
        "tags": {"team": "a"},
    }
    assert shell.json("experiments", "show", "-n", "json") == expected
    assert shell.json("experiments", "list", "--filter", "name = 'json'") == [expected]
    assert shell.json("experiments", "list", "--filter", "name = 'none'") == []


def test_an_experiment_is_renamed_deleted_and_restored(shell: Shell) -> None:
    """E3."""
    number = shell.json("experiments", "create", "-n", "old")["experiment_id"]
    assert shell.output("experiments", "rename", "-n", "old", "--new-name", "new") == (
        f"Renamed experiment {number} to 'new'.\n"
    )
    shell.output("experiments", "delete", "-x", number)
    assert shell.json("experiments", "show", "-n", "new")["lifecycle_stage"] == "deleted"
    found = ("experiments", "list", "--filter", "name = 'new'")
    assert shell.json(*found) == []
    assert [e["name"] for e in shell.json(*found, "--view", "deleted_only")] == ["new"]
    shell.output("experiments", "restore", "-n", "new")
    assert [e["experiment_id"] for e in shell.json(*found)] == [number]


def test_a_list_is_a_table_with_a_head(shell: Shell, client: TrackingClient) -> None:
    for name in ("listed b", "listed a", "listed c"):
        client.create_experiment(name)
    arguments = ("experiments", "list", "--filter", "name LIKE 'listed%'", "--order-by", "name")
    rows = shell.rows(*arguments)
    assert rows[0] == ["id", "name", "created", "stage", "artifact location"]
    assert [row[1] for row in rows[1:]] == ["listed a", "listed b", "listed c"]
    assert [row[1] for row in shell.rows(*arguments, "--limit", "2")[1:]] == [
        "listed a",
        "listed b",
    ]


def test_what_is_on_the_command_line_counts_more_than_the_environment(
    shell: Shell, client: TrackingClient
) -> None:
    by_option, by_variable = client.create_experiment("option"), client.create_experiment("env")
    show = ("experiments", "show")
    variables = {"RUNSTREAM_EXPERIMENT_ID": by_variable}
    assert shell.json(*show, **variables)["name"] == "env"
    assert shell.json(*show, "-x", by_option, **variables)["name"] == "option"
    assert shell.json(*show, "-n", "option", **variables)["name"] == "option"


def test_nothing_is_deleted_because_of_the_environment_alone(shell: Shell) -> None:
    for command in (["delete"], ["restore"], ["rename", "--new-name", "x"]):
        said = shell.refusal(2, "experiments", *command, RUNSTREAM_EXPERIMENT_ID="0")
        assert "--experiment-name or --experiment-id" in said


def test_the_status_says_what_is_wrong(shell: Shell) -> None:
    """E2, S4, X1."""
    assert "already exists" in shell.refusal(1, "experiments", "create", "-n", "Default")
    assert "Missing option" in shell.refusal(2, "experiments", "create")
    both = shell.refusal(2, "experiments", "show", "-n", "Default", "-x", "0")
    assert "either --experiment-name or --experiment-id" in both
    assert "column" in shell.refusal(2, "experiments", "list", "--filter", "name ~~ 3")
    assert "'nobody'" in shell.refusal(3, "experiments", "show", "-n", "nobody")
    assert "id=999" in shell.refusal(3, "experiments", "delete", "-x", "999")
    assert "name" in shell.refusal(2, "experiments", "create", "-n", "x" * 501)


@pytest.mark.parametrize(
    "command",
    [
        ("experiments", "create"),
        ("experiments", "show"),
        ("experiments", "delete"),
        ("experiments", "rename"),
        ("runs", "list"),
        ("runs", "export"),
    ],
)
def test_a_name_without_its_option_is_refused_saying_the_option(
    shell: Shell, command: tuple[str, str]
) -> None:
    assert shell.refusal(2, *command, "my study") == (
        "Error: Got unexpected argument 'my study'; "
        "an experiment is named by --experiment-name 'my study'"
    )
