"""All tokens of a user are revoked at once, and a server keeps an admin."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import grpc
import pytest
import requests

from runstream.v1 import access_service_pb2 as pb
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream_service.config import Config, OidcConfig
from support.access import ROLES, GuardedServer, bearer, connect_with_token, create_token
from support.api import Api, expect_refusal
from support.server_process import ServerProcess

ADMIN, WRITER, READER = ROLES["root"], ROLES["ada"], ROLES["bob"]
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
NOT_FOUND = grpc.StatusCode.NOT_FOUND
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


def make(api: Api, user_name: str, role: pb.ServerRole.ValueType) -> pb.CreateTokenResponse:
    request = pb.CreateTokenRequest(user_name=user_name, role=role)
    answer: pb.CreateTokenResponse = api.access.CreateToken(request)
    return answer


def revoke_all(api: Api, user_name: str) -> list[int]:
    request = pb.RevokeUserTokensRequest(user_name=user_name)
    return list(api.access.RevokeUserTokens(request).token_ids)


def tokens_of(api: Api, user_name: str) -> list[pb.Token]:
    return list(api.access.ListTokens(pb.ListTokensRequest(user_name=user_name)).tokens)


def test_all_tokens_of_a_user_are_refused_at_once_and_their_streams_end(
    guarded: GuardedServer,
) -> None:
    root = guarded.apis["root"]
    run = root.create_run()
    first, other = make(root, "leaver", ADMIN), make(root, "stayer", READER)
    with connect_with_token(guarded.server.address, first.secret) as leaver:
        second = make(leaver, "leaver", READER)
        for_other = make(leaver, "stayer", READER)
        watch = leaver.watches.Watch(WatchRequest(run_ids=[run]), timeout=30)
        assert next(watch).position
        assert revoke_all(root, "leaver") == [first.token.token_id, second.token.token_id]
        with expect_refusal(UNAUTHENTICATED, "TOKEN_REVOKED"):
            next(watch)
    assert revoke_all(root, "leaver") == []
    for secret in (first.secret, second.secret):
        with (
            connect_with_token(guarded.server.address, secret) as refused,
            expect_refusal(UNAUTHENTICATED, "TOKEN_REVOKED"),
        ):
            refused.access.GetCaller(pb.GetCallerRequest())
    for secret in (other.secret, for_other.secret):
        with connect_with_token(guarded.server.address, secret) as stayer:
            assert stayer.access.GetCaller(pb.GetCallerRequest()).user_name == "stayer"


def test_a_token_says_who_made_it(guarded: GuardedServer) -> None:
    assert make(guarded.apis["root"], "made", READER).token.created_by == "root"
    assert [token.created_by for token in tokens_of(guarded.apis["root"], "made")] == ["root"]
    # The first one was made while nobody had to say who they were.
    assert tokens_of(guarded.apis["root"], "root")[0].created_by == ""


def test_users_revoke_all_of_their_own_and_nobody_elses(guarded: GuardedServer) -> None:
    root = guarded.apis["root"]
    token = create_token(root, "zoe", READER)
    texts = []
    with connect_with_token(guarded.server.address, token) as zoe:
        for name in ("ada", "nobody at all"):
            with expect_refusal(NOT_FOUND, "TOKEN_NOT_FOUND") as refusal:
                revoke_all(zoe, name)
            texts.append(refusal.message.replace(name, "NAME"))
        assert len(revoke_all(zoe, "zoe")) == 1
    assert texts[0] == texts[1]
    with expect_refusal(NOT_FOUND, "TOKEN_NOT_FOUND"):
        revoke_all(root, "nobody at all")


def test_the_sessions_of_a_user_end_with_what_they_watch(guarded: GuardedServer) -> None:
    """Also those by a provider, which belong to no token of the server."""
    root = guarded.apis["root"]
    run = root.create_run()
    token = create_token(root, "surfer", ADMIN)
    browser = requests.Session()
    http = guarded.server.http
    signed = browser.post(f"{http}/sign-in/token", json={"token": token}, timeout=30)
    assert signed.status_code == 204
    guarded.server.query("UPDATE session SET token_id = NULL WHERE user_name = 'surfer'")
    with browser.get(
        f"{http}/api/1.0/runstream/watch/stream",
        params={"run_ids": run},
        stream=True,
        timeout=20,
    ) as events:
        lines = events.iter_lines()
        assert next(lines)
        revoke_all(root, "surfer")
        began = time.monotonic()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(lines)
        assert time.monotonic() - began < 10
    caller = browser.get(f"{http}/api/1.0/runstream/access/caller", timeout=30)
    assert caller.status_code == 401


@pytest.fixture
def alone(
    new_url: Callable[[], str | None], tmp_path_factory: pytest.TempPathFactory
) -> GuardedServer:
    """A server with one token, that of an admin."""
    database = tmp_path_factory.mktemp("alone") / "runs.db"
    server = ServerProcess(database, {"RUNSTREAM_HTTP_PORT": "0"}, url=new_url())
    with connect_with_token(server.address, "") as anyone:
        token = create_token(anyone, "root", ADMIN)
    return GuardedServer(server, {"root": token}, {})


def test_the_last_token_of_an_admin_is_not_revoked(alone: GuardedServer) -> None:
    with connect_with_token(alone.server.address, alone.tokens["root"]) as root:
        (own,) = tokens_of(root, "root")
        create_token(root, "ada", WRITER)
        soon = round(1000 * time.time()) + 1000
        create_token(root, "expired", ADMIN, expiry_time=soon)
        time.sleep(1.1)
        request = pb.RevokeTokenRequest(token_id=own.token_id)
        with expect_refusal(FAILED_PRECONDITION, "LAST_ADMIN_TOKEN") as refusal:
            root.access.RevokeToken(request)
        assert "runstream db create-token" in refusal.message
        with expect_refusal(FAILED_PRECONDITION, "LAST_ADMIN_TOKEN"):
            revoke_all(root, "root")
        answer = requests.post(
            f"{alone.server.http}/api/1.0/runstream/access/tokens/revoke-all",
            json={"user_name": "root"},
            headers=bearer(alone.tokens["root"]),
            timeout=30,
        )
        assert answer.status_code == 400
        create_token(root, "second", ADMIN)
        assert root.access.RevokeToken(request).token.revocation_time
    alone.server.stop()


def test_two_admins_who_revoke_each_other_leave_one(
    alone: GuardedServer,
) -> None:
    """On each database; two servers of one PostgreSQL are in the test after this one."""
    _revoke_each_other(alone, alone.server.address)
    alone.server.stop()


@pytest.mark.postgresql
def test_two_admins_who_revoke_each_other_by_two_servers_leave_one(
    alone: GuardedServer,
) -> None:
    other = ServerProcess(alone.server.database.with_name("other"), url=alone.server.url)
    try:
        _revoke_each_other(alone, other.address)
    finally:
        other.stop()
        alone.server.stop()


def _revoke_each_other(alone: GuardedServer, there: str) -> None:
    """Let pairs of admins revoke each other at the same time, at this server and at another."""
    survivor = alone.tokens["root"]
    for number in range(10):
        with connect_with_token(alone.server.address, survivor) as root:
            (own,) = (token for token in _valid_admins(root))
            second = make(root, f"second {number}", ADMIN)
        start = threading.Barrier(2)

        def revoke(
            address: str, secret: str, token_id: int, start: threading.Barrier = start
        ) -> None:
            with connect_with_token(address, secret) as api, suppress(grpc.RpcError):
                api.access.GetCaller(pb.GetCallerRequest())
                start.wait(20)
                api.access.RevokeToken(pb.RevokeTokenRequest(token_id=token_id))

        threads = [
            threading.Thread(target=revoke, args=each)
            for each in (
                (alone.server.address, survivor, second.token.token_id),
                (there, second.secret, own.token_id),
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        left = alone.server.query(
            "SELECT id FROM token WHERE role = 3 AND revocation_time IS NULL ORDER BY id"
        )
        assert len(left) == 1
        if left[0][0] == second.token.token_id:
            survivor = second.secret


def _valid_admins(api: Api) -> list[pb.Token]:
    listed = api.access.ListTokens(pb.ListTokensRequest(max_results=1000)).tokens
    return [each for each in listed if each.role == ADMIN and not each.revocation_time]


def test_where_certificates_or_the_issuer_make_admins_no_token_has_to_be_left() -> None:
    oidc = OidcConfig("https://issuer", "id", "", (), "sub", "groups", (), ("ops",))
    assert not Config(database="x").names_admins
    assert not Config(database="x", tls_admins=("ada",)).names_admins
    assert Config(database="x", tls_client_ca="ca.pem", tls_admins=("ada",)).names_admins
    assert Config(database="x", oidc=oidc).names_admins
    assert not Config(database="x", oidc=oidc._replace(admins=())).names_admins
