"""Tokens where several processes serve one port."""

from __future__ import annotations

from pathlib import Path

from runstream import TrackingClient
from runstream.errors import Unauthenticated
from support.postgres import Postgres
from support.server_process import ServerProcess
from support.waiting import wait_until


def test_every_worker_knows_within_a_second_what_one_did_about_tokens(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.create_database()
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_WORKERS": "2"}, url=url)
    with TrackingClient(server.uri) as anyone:
        made = anyone.create_token("root", "admin").secret

    def callers(token: str | None) -> set[str]:
        """Return who calls, to as many connections as reach both workers."""
        found = set()
        for _ in range(12):
            with TrackingClient(server.uri, token=token) as client:
                try:
                    found.add(client.get_caller().user_name)
                except Unauthenticated as error:
                    found.add(error.reason)
                client._connection._channel.close()
        return found

    wait_until(lambda: callers(None) == {"TOKEN_MISSING"}, 10)
    assert callers(made) == {"root"}
    with TrackingClient(server.uri, token=made) as root:
        root.create_token("another", "admin")  # the last one cannot be revoked
        root.revoke_token(next(root.list_tokens()).token_id)
    wait_until(lambda: callers(made) == {"TOKEN_REVOKED"}, 10)
    server.stop()
