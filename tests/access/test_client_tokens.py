"""Programs say who they are: by an argument, the environment or a file, which may change."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.errors import InvalidArgument, Unauthenticated
from runstream.mlflow_plugin.tracking_server import tracking_server
from runstream.process.masking import MASK, mask_text
from runstream.v1.access_service_pb2 import GetCallerRequest
from support.access import GuardedServer
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until


@pytest.fixture
def connect_as(guarded: GuardedServer) -> Iterator[Callable[[str], TrackingClient]]:
    """Make the client of somebody, with their token as its argument."""
    clients = []

    def connect(name: str) -> TrackingClient:
        clients.append(TrackingClient(guarded.server.uri, token=guarded.tokens[name]))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def test_a_client_calls_with_the_token_that_it_is_given(
    connect_as: Callable[[str], TrackingClient],
) -> None:
    ada, root = connect_as("ada"), connect_as("root")
    assert (ada.get_caller().user_name, ada.get_caller().role) == ("ada", "writer")
    assert root.get_caller().role == "admin"
    assert pickle.loads(pickle.dumps(ada)).get_caller().user_name == "ada"


def test_a_client_calls_with_the_token_of_the_environment(
    guarded: GuardedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with TrackingClient(guarded.server.uri) as client:
        with pytest.raises(Unauthenticated, match="RUNSTREAM_TOKEN"):
            client.get_caller()
        file = tmp_path / "token"
        file.write_text(guarded.tokens["bob"] + "\n")
        monkeypatch.setenv("RUNSTREAM_TOKEN_FILE", str(file))
        assert client.get_caller().user_name == "bob"
        file.write_text(guarded.tokens["eve"])
        assert client.get_caller().user_name == "eve"
        file.unlink()
        with pytest.raises(InvalidArgument, match="RUNSTREAM_TOKEN_FILE"):
            client.get_caller()
        monkeypatch.setenv("RUNSTREAM_TOKEN", guarded.tokens["ada"])
        assert client.get_caller().user_name == "ada"


def test_runs_are_logged_with_the_token_of_the_environment(
    guarded: GuardedServer,
) -> None:
    program = (
        "import runstream\nwith runstream.start_run() as run: runstream.log_metric('loss', 0.5)\n"
        "print(run.info.run_id)"
    )
    variables = {
        "RUNSTREAM_TRACKING_URI": guarded.server.uri,
        "RUNSTREAM_TOKEN": guarded.tokens["root"],
    }
    logged = subprocess.run(
        [sys.executable, "-c", program],
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert logged.returncode == 0, logged.stderr
    with TrackingClient(guarded.server.uri, token=guarded.tokens["root"]) as root:
        assert root.get_run(logged.stdout.strip()).data.metrics["loss"] == 0.5


def test_what_is_unanswered_when_a_token_expires_is_sent_with_a_new_one(
    guarded: GuardedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    with TrackingClient(guarded.server.uri, token=guarded.tokens["root"]) as root:
        end = time.time() + 4
        short = root.create_token("root", "admin", int(end * 1000)).secret
    file.write_text(short)
    monkeypatch.setenv("RUNSTREAM_TOKEN_FILE", str(file))
    with TrackingClient(guarded.server.uri) as client:
        run = client.create_run().info.run_id
        client.log_metric(run, "loss", 0.0, step=0)
        client.flush()
        time.sleep(end + 0.3 - time.time())
        for step in range(1, 4):
            client.log_metric(run, "loss", 0.0, step=step)
        with pytest.raises(Unauthenticated):
            client.flush()
        file.write_text(guarded.tokens["root"])
        wait_until(lambda: not client._session.backlog(), 15)
        client.flush()
        assert len(client.get_metric_history(run, "loss")) == 4


def test_a_stream_goes_on_at_once_if_the_new_token_is_there_before_the_old_one_expires(
    guarded: GuardedServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "runstream")
    file = tmp_path / "token"
    with TrackingClient(guarded.server.uri, token=guarded.tokens["root"]) as root:
        made = root.create_token("root", "admin")
        file.write_text(made.secret)
        monkeypatch.setenv("RUNSTREAM_TOKEN_FILE", str(file))
        with TrackingClient(guarded.server.uri) as client:
            run = client.create_run().info.run_id
            for step in range(100):
                client.log_metric(run, "loss", 0.0, step=step)
                if step == 50:
                    file.write_text(guarded.tokens["root"])
                    root.revoke_token(made.token.token_id)
                time.sleep(0.01)
            client.flush()
            assert len(client.get_metric_history(run, "loss")) == 100
    assert not caplog.messages


def test_a_watch_goes_on_with_a_new_token(
    guarded: GuardedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    with TrackingClient(guarded.server.uri, token=guarded.tokens["root"]) as root:
        made = [root.create_token("root", "admin") for _ in range(2)]
        run = root.create_run().info.run_id
        file.write_text(made[0].secret)
        monkeypatch.setenv("RUNSTREAM_TOKEN_FILE", str(file))
        with TrackingClient(guarded.server.uri) as client:
            changes = client.watch([run])
            root.log_metric(run, "loss", 1.0)
            assert next(changes)
            file.write_text(made[1].secret)
            root.revoke_token(made[0].token.token_id)
            root.log_metric(run, "loss", 2.0, step=1)
            assert next(changes)
            root.revoke_token(made[1].token.token_id)
            with pytest.raises(Unauthenticated):
                list(changes)


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD"])
def test_the_store_for_mlflow_calls_with_the_token_of_its_variables(
    guarded: GuardedServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, guarded.tokens["ada"])
    # Each of these is a server for MLflow, which it keeps as long as the program lasts.
    uri = guarded.server.uri.replace("grpc", "GRPC" if variable.endswith("TOKEN") else "grpc")
    server = tracking_server(uri)
    assert server.client.get_caller().user_name == "ada"
    answer = server.connection.call(lambda stubs: stubs.access.GetCaller, GetCallerRequest())
    assert answer.user_name == "ada"
    monkeypatch.setenv("RUNSTREAM_TOKEN", guarded.tokens["bob"])
    assert tracking_server(f"{uri}/").client.get_caller().user_name == "bob"
    server.client.close()


@pytest.mark.parametrize("token", ["", "two words", "ünicode", "a\nb"])
def test_a_text_that_is_no_token_is_refused_without_being_told(token: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        TrackingClient("grpc://localhost:1", token=token)
    assert not token or token not in str(raised.value)


def test_a_token_is_in_no_repr_and_in_no_error(
    guarded: GuardedServer, connect_as: Callable[[str], TrackingClient]
) -> None:
    ada = connect_as("ada")
    made = ada.create_token()
    assert made.secret not in repr(made)
    token = guarded.tokens["ada"]
    assert token not in repr([ada, vars(ada), vars(ada._session), vars(ada._connection)])
    ada.revoke_token(made.token.token_id)
    with (
        TrackingClient(guarded.server.uri, token=made.secret) as client,
        pytest.raises(Unauthenticated) as raised,
    ):
        client.get_caller()
    assert made.secret not in f"{raised.value!r} {raised.value.metadata}"
    assert mask_text(f"print('{token}')") == f"print('{MASK}')"


def test_the_warning_about_a_refused_token_promises_no_delivery(
    guarded: GuardedServer,
    connect_as: Callable[[str], TrackingClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    ada = connect_as("ada")
    run_id = "a" * 32  # the token is looked at first
    revoked = ada.create_token()
    ada.revoke_token(revoked.token.token_id)
    with TrackingClient(guarded.server.uri, token=revoked.secret) as client:
        client.log_metric(run_id, "loss", 0.5)
        with pytest.raises(Unauthenticated):
            client.flush()
        client._outbox.reset_after_fork()
    [warning] = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert "refuses it" in warning
    assert "not sent before that is mended" in warning


def run_command(server: ServerProcess, token: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri, "RUNSTREAM_TOKEN": token}
    command = [sys.executable, "-m", "runstream", "tokens", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_command_makes_lists_and_revokes_tokens(guarded: GuardedServer) -> None:
    root = guarded.tokens["root"]
    made = run_command(
        guarded.server, root, "create", "--user", "zoe", "--expires", "90d", "--description", "CI"
    )
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    with TrackingClient(guarded.server.uri, token=secret) as client:
        assert client.get_caller().user_name == "zoe"
        number = next(client.list_tokens()).token_id
    listed = run_command(guarded.server, root, "list", "--user", "zoe").stdout
    assert "zoe" in listed
    assert "CI" in listed
    assert "valid until" in listed
    assert secret not in listed
    revoked = run_command(guarded.server, root, "revoke", str(number))
    assert revoked.stdout == f"Revoked token {number} of 'zoe'.\n"
    assert "revoked" in run_command(guarded.server, root, "list", "--user", "zoe").stdout
    refused = run_command(guarded.server, secret, "list")
    assert (refused.returncode, refused.stderr) == (1, "Error: the token has been revoked\n")


def test_the_command_revokes_all_tokens_of_a_user_and_names_those_made_for_others(
    guarded: GuardedServer,
) -> None:
    root, server = guarded.tokens["root"], guarded.server
    gone = run_command(server, root, "create", "--user", "gone", "--role", "admin").stdout.strip()
    for user in ("gone", "stays"):
        assert run_command(server, gone, "create", "--user", user).returncode == 0
    with TrackingClient(server.uri, token=root) as client:
        numbers = [token.token_id for token in client.list_tokens("gone")]
        (other,) = client.list_tokens("stays")
        assert (other.created_by, len(numbers)) == ("gone", 2)
    revoked = run_command(server, gone, "revoke", "--user", "gone")
    assert revoked.stdout == f"Revoked 2 tokens of 'gone': {numbers[0]}, {numbers[1]}.\n"
    stays = f"Token {other.token_id} of 'stays' was made by 'gone' and stays.\n"
    assert revoked.stderr == stays
    assert run_command(server, gone, "list").returncode == 1
    assert run_command(server, root, "revoke").returncode == 2
    assert run_command(server, root, "revoke", "1", "--user", "gone").returncode == 2
    lost = run_command(server, root, "revoke", "--user", "nobody")
    assert (lost.returncode, lost.stderr) == (3, "Error: there is no token of 'nobody'\n")


def test_no_token_is_in_the_log_of_the_server(tmp_path: Path) -> None:
    # No fork, whose environment as it started would be that of another program.
    program = ("-m", "runstream")
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_LOG_LEVEL": "debug"}, program)
    with TrackingClient(server.uri) as anyone:
        made = anyone.create_token("root", "admin")
    with TrackingClient(server.uri, token=made.secret) as root:
        root.create_run()
        with Path(f"/proc/{server.process.pid}/environ").open() as file:
            assert made.secret not in file.read()
    errors = server.stop()
    assert made.secret not in errors
    assert os.environ.get("RUNSTREAM_TOKEN") is None
