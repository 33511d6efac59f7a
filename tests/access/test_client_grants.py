"""Grants by the Python client, and by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from uuid import uuid4

import pytest

from runstream import TrackingClient
from runstream.entities import Grant
from runstream.errors import InvalidArgument, NotFound, PermissionDenied
from support.access import GuardedServer


def client_of(guarded: GuardedServer, name: str) -> TrackingClient:
    return TrackingClient(guarded.server.uri, guarded.tokens[name])


def test_the_client_sets_lists_and_deletes_grants(guarded: GuardedServer) -> None:
    with client_of(guarded, "ada") as ada, client_of(guarded, "eve") as eve:
        experiment = ada.create_experiment(str(uuid4()))
        with pytest.raises(NotFound):
            eve.list_grants(experiment)
        ada.set_grant(experiment, "user:eve", "reader")
        assert ada.list_grants(experiment) == [
            Grant(experiment, "user:ada", "owner"),
            Grant(experiment, "user:eve", "reader"),
        ]
        assert eve.get_experiment(experiment).experiment_id == experiment
        with pytest.raises(PermissionDenied, match="reader"):
            eve.create_run(experiment)
        with pytest.raises(InvalidArgument, match="reader, writer, owner"):
            ada.set_grant(experiment, "user:eve", "guest")
        ada.delete_grant(experiment, "user:eve")
        with pytest.raises(NotFound):
            ada.delete_grant(experiment, "user:eve")
        with pytest.raises(NotFound):
            eve.get_experiment(experiment)


def test_the_client_says_who_deleted_what(guarded: GuardedServer) -> None:
    with client_of(guarded, "ada") as ada:
        experiment = ada.create_experiment(str(uuid4()))
        run_id = ada.create_run(experiment).info.run_id
        assert ada.get_run(run_id).info.deleted_by is None
        ada.delete_experiment(experiment)
        assert ada.get_run(run_id).info.deleted_by == "ada"
        assert ada.get_experiment(experiment).deleted_by == "ada"


def run_command(guarded: GuardedServer, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runstream", "grants", *words]
    environment = os.environ | {
        "RUNSTREAM_TRACKING_URI": guarded.server.uri,
        "RUNSTREAM_TOKEN": guarded.tokens["ada"],
    }
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_sets_lists_and_deletes_grants(guarded: GuardedServer) -> None:
    name = str(uuid4())
    guarded.apis["ada"].create_experiment(name)
    of_it = ("--experiment-name", name)
    done = run_command(guarded, "set", "group:everyone", "reader", *of_it)
    assert (done.returncode, done.stderr) == (0, f"group:everyone is reader of {name!r}.\n")
    listed = run_command(guarded, "list", *of_it, "--json")
    assert [(one["grantee"], one["role"]) for one in json.loads(listed.stdout)] == [
        ("group:everyone", "reader"),
        ("user:ada", "owner"),
    ]
    assert run_command(guarded, "list", *of_it).stdout.split() == [
        *("grantee", "role"),
        *("group:everyone", "reader"),
        *("user:ada", "owner"),
    ]
    assert run_command(guarded, "delete", "group:everyone", *of_it).returncode == 0
    assert run_command(guarded, "delete", "group:everyone", *of_it).returncode == 3
    assert run_command(guarded, "set", "everyone", "reader", *of_it).returncode == 2
