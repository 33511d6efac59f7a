"""Tokens: how they are made, listed and revoked, and what a server answers without one."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
import requests

from runstream.v1 import access_service_pb2 as pb
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream.v1.watch_service_pb2 import WatchRequest
from runstream_service.access.tokens import MAX_TOKENS
from support.access import (
    ROLES,
    GuardedServer,
    connect_with_token,
    create_token,
    create_tokens,
)
from support.api import Api, expect_refusal, make_batch
from support.server_process import ServerProcess
from support.waiting import wait_until

DENIED = grpc.StatusCode.PERMISSION_DENIED
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
READER, WRITER = pb.ServerRole.SERVER_ROLE_READER, pb.ServerRole.SERVER_ROLE_WRITER
ADMIN = pb.ServerRole.SERVER_ROLE_ADMIN


def in_seconds(seconds: float) -> int:
    return round(1000 * (time.time() + seconds))


def caller(api: Api) -> pb.GetCallerResponse:
    answer: pb.GetCallerResponse = api.access.GetCaller(pb.GetCallerRequest())
    return answer


def test_a_server_without_tokens_is_open_to_everybody(api: Api) -> None:
    assert caller(api).user_name == ""
    assert caller(api).role == ADMIN
    assert api.create_run()


def test_somebody_has_so_many_valid_tokens(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    server = ServerProcess(tmp_path / "runs.db", url=new_url())
    try:
        tokens = create_tokens(server.address)
        with connect_with_token(server.address, tokens["ada"]) as ada:
            expired = pb.CreateTokenRequest(role=READER, expiry_time=in_seconds(1))
            ada.access.CreateToken(expired)
            for _ in range(MAX_TOKENS - 2):
                ada.access.CreateToken(pb.CreateTokenRequest(role=READER))
            time.sleep(1.1)
            last = ada.access.CreateToken(pb.CreateTokenRequest(role=READER))
            with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "TOKENS_TOO_MANY") as refusal:
                ada.access.CreateToken(pb.CreateTokenRequest(role=READER))
            assert refusal.metadata["limit"] == str(MAX_TOKENS)
            ada.access.RevokeToken(pb.RevokeTokenRequest(token_id=last.token.token_id))
            ada.access.CreateToken(pb.CreateTokenRequest(role=READER))
        with connect_with_token(server.address, tokens["bob"]) as bob:
            bob.access.CreateToken(pb.CreateTokenRequest(role=READER))
    finally:
        server.stop()


def test_the_first_token_of_a_server_is_that_of_an_admin(api: Api) -> None:
    with expect_refusal(grpc.StatusCode.FAILED_PRECONDITION, "FIRST_TOKEN_NOT_ADMIN"):
        create_token(api, "ada", WRITER)
    assert api.create_run()  # it is open as before
    assert create_token(api, "root", ADMIN).startswith("rst_")
    with expect_refusal(UNAUTHENTICATED, "TOKEN_MISSING"):
        api.create_run()


def test_what_was_opened_without_a_token_ends_with_the_first_one(
    tmp_path: Path, new_url: Callable[[], str | None]
) -> None:
    """Else whoever watched or logged on an open server would do so for ever, as an admin."""
    server = ServerProcess(tmp_path / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"}, url=new_url())
    rest = f"{server.http}/api/1.0/runstream"
    sent: SimpleQueue[Any] = SimpleQueue()
    with connect_with_token(server.address, "") as anyone:
        run = anyone.create_run()
        watch = anyone.watches.Watch(WatchRequest(run_ids=[run]), timeout=30)
        assert next(watch).position
        answers = anyone.logging.LogBatch(iter(sent.get, None), timeout=30)
        sent.put(make_batch(run, [("loss", 0, 1, 0.5)]))
        assert next(answers).answered == 1
        with requests.get(
            f"{rest}/watch/stream", params={"run_ids": run}, stream=True, timeout=30
        ) as events:
            lines = events.iter_lines()
            assert next(lines)
            body = {"user_name": "root", "role": "SERVER_ROLE_ADMIN"}
            made = requests.post(f"{rest}/access/tokens", json=body, timeout=30)
            assert made.json()["secret"].startswith("rst_")
            end = time.monotonic() + 20
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                list(takewhile(lambda _: time.monotonic() < end, lines))
        for stream in (watch, answers):
            with expect_refusal(UNAUTHENTICATED, "TOKEN_MISSING"):
                list(stream)
        sent.put(None)
    server.stop()


def test_the_server_knows_who_calls_with_a_token(guarded: GuardedServer) -> None:
    for name, role in ROLES.items():
        answer = caller(guarded.apis[name])
        assert (answer.user_name, answer.role) == (name, role)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "TOKEN_MISSING"),
        ("Digest x", "TOKEN_MISSING"),
        ("Bearer rst_" + 43 * "A", "TOKEN_UNKNOWN"),
        ("Bearer garbage", "TOKEN_UNKNOWN"),
        ("Basic ====", "TOKEN_MISSING"),
        ("Basic " + base64.b64encode(b"ada:garbage").decode(), "TOKEN_UNKNOWN"),
    ],
)
def test_a_call_without_a_token_that_the_server_knows_is_refused(
    guarded: GuardedServer, header: str, reason: str
) -> None:
    metadata = (("authorization", header),) if header else ()
    with expect_refusal(UNAUTHENTICATED, reason):
        guarded.apis["nobody"].runs.GetRun(GetRunRequest(run_id=32 * "0"), metadata=metadata)
    headers = {"Authorization": header} if header else {}
    answer = requests.get(f"{guarded.server.http}/api/2.0/mlflow/runs/get", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="runstream"'


def test_http_takes_a_token_as_bearer_and_as_the_password_of_basic(guarded: GuardedServer) -> None:
    url = f"{guarded.server.http}/api/1.0/runstream/access/caller"
    by_bearer = requests.get(url, headers=guarded.headers("ada"))
    by_basic = requests.get(url, auth=("whoever", guarded.tokens["ada"]))
    assert by_bearer.json() == by_basic.json()
    assert by_bearer.json()["user_name"] == "ada"


def test_a_token_is_stored_as_a_hash_alone(guarded: GuardedServer) -> None:
    rows = str(guarded.server.query("SELECT * FROM token"))
    assert "ada" in rows
    assert not any(token[4:] in rows for token in guarded.tokens.values())


def test_users_make_tokens_for_themselves_that_allow_no_more(guarded: GuardedServer) -> None:
    bob = guarded.apis["bob"]
    with connect_with_token(guarded.server.address, create_token(bob, "", READER)) as again:
        assert caller(again).user_name == "bob"
    with expect_refusal(DENIED, "TOKEN_ALLOWS_TOO_MUCH"):
        create_token(bob, "ada", READER)
    with expect_refusal(DENIED, "TOKEN_ALLOWS_TOO_MUCH"):
        create_token(bob, "bob", WRITER)
    short = create_token(bob, "bob", READER, expiry_time=in_seconds(600))
    with connect_with_token(guarded.server.address, short) as again:
        with expect_refusal(DENIED, "TOKEN_ALLOWS_TOO_MUCH"):
            create_token(again, "bob", READER)
        with expect_refusal(DENIED, "TOKEN_ALLOWS_TOO_MUCH"):
            create_token(again, "bob", READER, expiry_time=in_seconds(1200))
        assert create_token(again, "bob", READER, expiry_time=in_seconds(500))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"user_name": "a\nb", "role": READER}, "NAME_MALFORMED"),
        ({"user_name": " ada", "role": READER}, "NAME_MALFORMED"),
        ({"user_name": 251 * "a", "role": READER}, "VALUE_TOO_LONG"),
        ({"user_name": "ada", "role": 0}, "ROLE_UNKNOWN"),
        ({"user_name": "ada", "role": 7}, "ROLE_UNKNOWN"),
        ({"user_name": "ada", "role": READER, "description": 251 * "a"}, "VALUE_TOO_LONG"),
        ({"user_name": "ada", "role": READER, "expiry_time": 1}, "EXPIRY_PAST"),
        ({"user_name": "ada", "role": READER, "expiry_time": -1}, "TIMESTAMP_OUT_OF_RANGE"),
    ],
)
def test_a_token_that_breaks_a_rule_is_not_made(
    guarded: GuardedServer, fields: dict[str, Any], reason: str
) -> None:
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, reason):
        guarded.apis["root"].access.CreateToken(pb.CreateTokenRequest(**fields))


def test_admins_list_all_tokens_and_others_their_own(guarded: GuardedServer) -> None:
    def users(name: str, **fields: Any) -> list[str]:
        answer = guarded.apis[name].access.ListTokens(pb.ListTokensRequest(**fields))
        return [token.user_name for token in answer.tokens]

    assert set(ROLES) <= set(users("root"))
    assert set(users("eve")) == {"eve"}
    assert users("eve", user_name="ada") == []
    assert users("root", user_name="ada") == ["ada"]


def test_tokens_are_listed_in_pages(guarded: GuardedServer) -> None:
    access = guarded.apis["root"].access
    everything = access.ListTokens(pb.ListTokensRequest()).tokens
    found: list[pb.Token] = []
    page_token = ""
    while True:
        page = access.ListTokens(pb.ListTokensRequest(max_results=2, page_token=page_token))
        found += page.tokens
        page_token = page.next_page_token
        if not page_token:
            break
    assert [token.token_id for token in found] == [token.token_id for token in everything]
    first = access.ListTokens(pb.ListTokensRequest(max_results=2)).next_page_token
    with expect_refusal(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
        guarded.apis["eve"].access.ListTokens(pb.ListTokensRequest(page_token=first))


def test_a_revoked_token_is_refused_at_once(guarded: GuardedServer) -> None:
    root = guarded.apis["root"].access
    made = root.CreateToken(pb.CreateTokenRequest(user_name="ada", role=WRITER))
    with connect_with_token(guarded.server.address, made.secret) as ada:
        assert caller(ada).user_name == "ada"
        revoked = ada.access.RevokeToken(pb.RevokeTokenRequest(token_id=made.token.token_id))
        assert revoked.token.revocation_time
        with expect_refusal(UNAUTHENTICATED, "TOKEN_REVOKED"):
            caller(ada)
    again = root.RevokeToken(pb.RevokeTokenRequest(token_id=made.token.token_id))
    assert again.token.revocation_time == revoked.token.revocation_time


def test_the_token_of_somebody_else_is_like_one_that_is_not_there(guarded: GuardedServer) -> None:
    listed = guarded.apis["root"].access.ListTokens(pb.ListTokensRequest(user_name="ada"))
    texts = []
    for token_id in (listed.tokens[0].token_id, 10**9):
        with expect_refusal(grpc.StatusCode.NOT_FOUND, "TOKEN_NOT_FOUND") as refusal:
            guarded.apis["eve"].access.RevokeToken(pb.RevokeTokenRequest(token_id=token_id))
        texts.append(refusal.message.replace(str(token_id), "ID"))
    assert texts[0] == texts[1]


def test_an_expired_token_is_refused(guarded: GuardedServer) -> None:
    token = create_token(guarded.apis["root"], "ada", WRITER, expiry_time=in_seconds(3))
    with connect_with_token(guarded.server.address, token) as ada:
        assert caller(ada).expiry_time
        time.sleep(3.1)
        with expect_refusal(UNAUTHENTICATED, "TOKEN_EXPIRED"):
            caller(ada)


def test_the_last_use_of_a_token_is_shown(guarded: GuardedServer) -> None:
    before = in_seconds(-1)
    token = create_token(guarded.apis["root"], "user of once", READER)
    with connect_with_token(guarded.server.address, token) as once:
        caller(once)
    request = pb.ListTokensRequest(user_name="user of once")

    def is_shown() -> bool:
        listed = guarded.apis["root"].access.ListTokens(request).tokens[0]
        return bool(listed.last_use_time >= before)

    wait_until(is_shown, 10)


def test_a_watch_ends_when_its_token_expires(guarded: GuardedServer) -> None:
    run = guarded.apis["root"].create_run()
    token = create_token(guarded.apis["root"], "watcher", ADMIN, expiry_time=in_seconds(4))
    with connect_with_token(guarded.server.address, token) as watcher:
        watch = watcher.watches.Watch(WatchRequest(run_ids=[run]))
        assert next(watch).position
        with expect_refusal(UNAUTHENTICATED, "TOKEN_EXPIRED"):
            next(watch)


def test_a_watch_over_http_ends_when_its_token_is_revoked(guarded: GuardedServer) -> None:
    root = guarded.apis["root"]
    run = root.create_run()
    made = root.access.CreateToken(pb.CreateTokenRequest(user_name="watcher", role=ADMIN))
    with requests.get(
        f"{guarded.server.http}/api/1.0/runstream/watch/stream",
        params={"run_ids": run},
        headers={"Authorization": f"Bearer {made.secret}"},
        stream=True,
        timeout=10,
    ) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert next(lines)
        root.access.RevokeToken(pb.RevokeTokenRequest(token_id=made.token.token_id))
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            list(lines)


def test_a_log_stream_whose_token_is_revoked_ends_after_what_was_sent_is_answered(
    guarded: GuardedServer,
) -> None:
    root = guarded.apis["root"]
    run = root.create_run()
    made = root.access.CreateToken(pb.CreateTokenRequest(user_name="logger", role=ADMIN))
    sent: SimpleQueue[Any] = SimpleQueue()
    with connect_with_token(guarded.server.address, made.secret) as logger:
        answers = logger.logging.LogBatch(iter(sent.get, None))
        for step in range(3):
            sent.put(make_batch(run, [("loss", step, 1, 0.5)]))
        answered = 0
        while answered < 3:
            answered = next(answers).answered
        root.access.RevokeToken(pb.RevokeTokenRequest(token_id=made.token.token_id))
        with expect_refusal(UNAUTHENTICATED, "TOKEN_REVOKED"):
            next(answers)
        sent.put(None)
    assert len(root.read_points(run, "loss")) == 3


def is_refused(api: Api) -> bool:
    try:
        caller(api)
    except grpc.RpcError:
        return True
    return False


@pytest.mark.postgresql
def test_another_server_refuses_a_revoked_token_within_a_second(
    server: ServerProcess,
) -> None:
    other = ServerProcess(server.database.with_name("other"), url=server.url)
    try:
        with connect_with_token(server.address, "") as anyone:
            token = create_token(anyone, "root", ADMIN)
        with connect_with_token(server.address, token) as root:
            create_token(root, "another", ADMIN)  # the last one cannot be revoked
        with (
            connect_with_token(server.address, token) as here,
            connect_with_token(other.address, token) as there,
            connect_with_token(other.address, "") as nobody,
        ):
            wait_until(
                lambda: is_refused(nobody), 10
            )  # a second, on a machine with nothing else to do
            with expect_refusal(UNAUTHENTICATED, "TOKEN_MISSING"):
                caller(nobody)
            assert caller(there).user_name == "root"
            made = here.access.ListTokens(pb.ListTokensRequest()).tokens[0]
            here.access.RevokeToken(pb.RevokeTokenRequest(token_id=made.token_id))
            wait_until(lambda: is_refused(there), 10)
            with expect_refusal(UNAUTHENTICATED, "TOKEN_REVOKED"):
                caller(there)
    finally:
        other.stop()
