"""People sign in to the interface, by a provider or by a token, and have a session in a cookie."""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.cookiejar import Cookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from runstream_service.access.sessions import MAX_SESSIONS
from support.access import bearer, begin_session, create_tokens
from support.openid_provider import OpenIdProvider, sign_in
from support.ports import reserve_port
from support.postgres import Postgres
from support.server_process import ServerProcess
from support.signing_issuer import SigningIssuer
from support.waiting import wait_until

CALLER = "api/1.0/runstream/access/caller"
SECRET = "s+cret of/the client"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server by whose provider people sign in."""
    folder = tmp_path_factory.mktemp("signed")
    port = str(reserve_port())
    users = {"ada": ["scientists", "ml"], "root": ["admins"]}
    provider = OpenIdProvider(folder, f"http://127.0.0.1:{port}", users, SECRET)
    file = folder / "secret"
    file.write_text(SECRET + "\n")
    options = provider.options(
        RUNSTREAM_HTTP_PORT=port,
        RUNSTREAM_OIDC_CLIENT_SECRET_FILE=str(file),
        RUNSTREAM_OIDC_WRITERS="scientists",
        RUNSTREAM_OIDC_ADMINS="admins",
    )
    server = ServerProcess(folder / "runs.db", options)
    yield server
    server.stop()
    provider.stop()


def session_cookie(browser: requests.Session, name: str = "runstream_session") -> Cookie | None:
    return next((cookie for cookie in browser.cookies if cookie.name == name), None)


def caller(browser: requests.Session, server: ServerProcess) -> tuple[int, str]:
    """Return the status, and who it is that asks."""
    answer = browser.get(f"{server.http}/{CALLER}", timeout=30)
    return answer.status_code, answer.json().get("user_name", "")


def test_a_person_signs_in_by_the_provider_and_out_again(signed: ServerProcess) -> None:
    browser = requests.Session()
    assert caller(browser, signed)[0] == 401
    page = sign_in(browser, signed.http, "ada")
    assert page.url == f"{signed.http}/"
    found = browser.get(f"{signed.http}/{CALLER}", timeout=30).json()
    assert found["user_name"] == "ada"
    assert found["role"] == "SERVER_ROLE_WRITER"
    assert sorted(found["groups"]) == ["ml", "scientists"]
    hours = (int(found["expiry_time"]) / 1000 - time.time()) / 3600
    assert 11.9 < hours <= 12
    kept = session_cookie(browser)
    assert kept is not None

    assert browser.post(f"{signed.http}/sign-out", timeout=30).status_code == 204
    assert session_cookie(browser) is None
    # The server has ended it, too.
    browser.cookies.set("runstream_session", kept.value or "", domain="127.0.0.1")
    assert caller(browser, signed)[0] == 401


def test_signing_out_ends_each_of_the_sessions_that_a_browser_has(signed: ServerProcess) -> None:
    cookies = []
    for _ in range(2):
        browser = requests.Session()
        sign_in(browser, signed.http, "ada")
        cookie = session_cookie(browser)
        assert cookie is not None
        cookies.append(f"runstream_session={cookie.value}")

    def status(cookie: str) -> int:
        url = f"{signed.http}/{CALLER}"
        return requests.get(url, headers={"Cookie": cookie}, timeout=30).status_code

    both = "; ".join(cookies)  # of two paths, as browsers send them
    assert status(both) == 200
    requests.post(f"{signed.http}/sign-out", headers={"Cookie": both}, timeout=30)
    assert [status(cookie) for cookie in cookies] == [401, 401]


def test_an_admin_of_the_provider_makes_tokens_that_last(signed: ServerProcess) -> None:
    browser = requests.Session()
    sign_in(browser, signed.http, "root")
    answer = browser.post(
        f"{signed.http}/api/1.0/runstream/access/tokens",
        json={"user_name": "robot", "role": "SERVER_ROLE_ADMIN"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    token = answer.json()["secret"]
    found = requests.get(f"{signed.http}/{CALLER}", headers=bearer(token), timeout=30).json()
    assert found["user_name"] == "robot"


def test_a_sign_in_by_the_provider_is_in_the_audit_log(signed: ServerProcess) -> None:
    sign_in(requests.Session(), signed.http, "ada")
    root = requests.Session()
    sign_in(root, signed.http, "root")
    wait_until(lambda: "ada" in signed_in(root, signed, "GET /sign-in/callback"), 20)


def signed_in(browser: requests.Session, server: ServerProcess, method: str) -> set[str]:
    """Return the names that the audit log has for a way to sign in."""
    url = f"{server.http}/api/1.0/runstream/access/audit"
    answer = browser.get(url, params={"method": method, "max_results": "1000"}, timeout=30)
    return {entry.get("user_name", "") for entry in answer.json().get("entries", [])}


def test_cookies_are_kept_from_scripts_and_other_sites(signed: ServerProcess) -> None:
    browser = requests.Session()
    started = browser.get(f"{signed.http}/sign-in/start", allow_redirects=False, timeout=30)
    assert started.status_code == 303
    cookie = started.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert started.headers["cache-control"] == "no-store"
    page = sign_in(requests.Session(), signed.http, "ada")
    cookie = next(
        answer.headers["set-cookie"].lower()
        for answer in page.history
        if "runstream_session" in answer.headers.get("set-cookie", "")
    )
    assert re.search(
        "runstream_session=[^;]{43}; httponly; max-age=43200; path=/; samesite=lax", cookie
    )


def test_the_provider_is_asked_with_pkce_state_and_nonce(signed: ServerProcess) -> None:
    asked = [
        requests.get(f"{signed.http}/sign-in/start", allow_redirects=False, timeout=30)
        for _ in range(2)
    ]
    queries = [parse_qs(urlsplit(answer.headers["location"]).query) for answer in asked]
    first, second = queries
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == [f"{signed.http}/sign-in/callback"]
    assert first["scope"] == ["openid profile groups"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) == 43
        assert first[name] != second[name]
    assert SECRET not in asked[0].headers["location"]


def callback_of(browser: requests.Session, server: ServerProcess, user: str) -> str:
    """Sign in at the provider; return where it sends the browser, which does not go there."""
    page = sign_in(browser, server.http, user)
    return next(answer.url for answer in [*page.history, page] if "/callback?" in answer.url)


def test_a_sign_in_that_another_browser_began_is_refused(signed: ServerProcess) -> None:
    theirs = callback_of(requests.Session(), signed, "ada")
    mine = requests.Session()
    for begin in (False, True):
        if begin:
            mine.get(f"{signed.http}/sign-in/start", allow_redirects=False, timeout=30)
        answer = mine.get(theirs, allow_redirects=False, timeout=30)
        assert answer.headers["location"] == "/#/?sign-in=UNAUTHENTICATED"
        assert session_cookie(mine) is None


def test_a_code_is_good_once(signed: ServerProcess) -> None:
    browser = requests.Session()
    begun = browser.get(f"{signed.http}/sign-in/start", allow_redirects=False, timeout=30)
    secret = browser.cookies["runstream_sign_in"]
    callback = callback_of_begun(browser, begun.headers["location"])
    again = requests.Session()
    again.cookies.set("runstream_sign_in", secret, domain="127.0.0.1")
    answer = again.get(callback, allow_redirects=False, timeout=30)
    assert answer.headers["location"] == "/#/?sign-in=UNAUTHENTICATED"
    assert session_cookie(again) is None


def callback_of_begun(browser: requests.Session, location: str) -> str:
    page = browser.get(location, timeout=30)
    values = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    values |= {"username": "ada", "password": "password of ada"}
    values["next"] = values["next"].replace("&amp;", "&")
    page = browser.post(page.url, values, timeout=30)
    return next(answer.url for answer in [*page.history, page] if "/callback?" in answer.url)


@pytest.mark.parametrize(
    "query",
    ["", "code=x", "state=x", "code=x&state=", "error=access_denied&error_description=%00<b>x"],
)
def test_a_callback_that_nobody_asked_for_tells_nothing(signed: ServerProcess, query: str) -> None:
    browser = requests.Session()
    browser.get(f"{signed.http}/sign-in/start", allow_redirects=False, timeout=30)
    url = f"{signed.http}/sign-in/callback?{query}"
    answer = browser.get(url, allow_redirects=False, timeout=30)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/#/?sign-in=UNAUTHENTICATED"
    assert session_cookie(browser) is None


def test_a_cookie_that_was_made_up_is_refused(signed: ServerProcess) -> None:
    for value in ("", "x" * 43, "'; DROP TABLE session", "x" * 5000, "\xe9"):
        headers = {"Cookie": f"other=1; runstream_session={value}"}
        answer = requests.get(f"{signed.http}/{CALLER}", headers=headers, timeout=30)
        assert answer.status_code == 401


def test_a_page_of_another_site_signs_nobody_in_or_out(signed: ServerProcess) -> None:
    browser = requests.Session()
    sign_in(browser, signed.http, "ada")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("sign-out", "sign-in/token"):
            url = f"{signed.http}/{path}"
            assert browser.post(url, headers=headers, timeout=30).status_code == 403
    assert caller(browser, signed) == (200, "ada")


@pytest.fixture
def with_tokens(
    start_server: Callable[..., ServerProcess],
) -> tuple[ServerProcess, dict[str, str]]:
    """A server with tokens, and no provider."""
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    return server, create_tokens(server.address)


def test_a_token_that_is_typed_in_signs_in_until_it_is_revoked(
    with_tokens: tuple[ServerProcess, dict[str, str]],
) -> None:
    server, tokens = with_tokens
    assert requests.get(f"{server.http}/sign-in", timeout=30).json() == {"issuer": ""}
    browser = requests.Session()
    url = f"{server.http}/sign-in/token"
    assert browser.post(url, json={"token": tokens["ada"]}, timeout=30).status_code == 204
    assert caller(browser, server) == (200, "ada")
    root = bearer(tokens["root"])
    listed = requests.get(
        f"{server.http}/api/1.0/runstream/access/tokens", headers=root, timeout=30
    ).json()["tokens"]
    number = next(token["token_id"] for token in listed if token["user_name"] == "ada")
    requests.post(
        f"{server.http}/api/1.0/runstream/access/tokens/revoke",
        json={"token_id": number},
        headers=root,
        timeout=30,
    )
    assert caller(browser, server)[0] == 401
    admin = requests.Session()
    admin.headers.update(root)
    wait_until(lambda: "ada" in signed_in(admin, server, "POST /sign-in/token"), 20)


def test_what_is_typed_in_and_no_token_is_refused(
    with_tokens: tuple[ServerProcess, dict[str, str]],
) -> None:
    server, _ = with_tokens
    for body in (b"", b"[]", b'{"token": 7}', b'{"token": ""}', b'{"token": "rst_x"}', b"\xff"):
        answer = requests.post(f"{server.http}/sign-in/token", body, timeout=30)
        assert answer.status_code == 401, body
    answer = requests.post(f"{server.http}/sign-in/token", b"x" * 200_000, timeout=30)
    assert answer.status_code == 400
    assert requests.get(f"{server.http}/sign-in/start", timeout=30).status_code == 400


def test_a_session_ends_by_the_clock_of_the_server(
    with_tokens: tuple[ServerProcess, dict[str, str]],
) -> None:
    server, tokens = with_tokens
    browser = requests.Session()
    url = f"{server.http}/sign-in/token"
    browser.post(url, json={"token": tokens["ada"]}, timeout=30)
    server.query("UPDATE session SET expiry_time = 1")
    assert caller(browser, server)[0] == 401
    requests.post(url, json={"token": tokens["bob"]}, timeout=30)
    assert server.query("SELECT user_name FROM session") == [("bob",)]


def test_the_database_has_no_secret_of_a_session(
    with_tokens: tuple[ServerProcess, dict[str, str]],
) -> None:
    server, tokens = with_tokens
    browser = requests.Session()
    browser.post(f"{server.http}/sign-in/token", json={"token": tokens["ada"]}, timeout=30)
    cookie = session_cookie(browser)
    assert cookie is not None
    rows = str(server.query("SELECT * FROM session"))
    assert str(cookie.value) not in rows


@pytest.mark.skipif(sys.platform != "linux", reason="workers are for Linux")
def test_a_session_is_one_of_all_workers_of_a_server(tmp_path: Path, postgres: Postgres) -> None:
    issuer = SigningIssuer()
    options = issuer.options(RUNSTREAM_HTTP_PORT="0", RUNSTREAM_WORKERS="2")
    server = ServerProcess(tmp_path / "runs.db", options, url=postgres.create_database())
    try:
        answer = requests.post(
            f"{server.http}/sign-in/token", json={"token": issuer.token()}, timeout=30
        )
        cookies = {"runstream_session": str(answer.cookies["runstream_session"])}
        for headers in (None, bearer(issuer.token())):
            for _ in range(10):  # connections, each of which is one of the workers'
                found = requests.get(
                    f"{server.http}/{CALLER}", cookies=cookies, headers=headers, timeout=30
                )
                assert found.json()["user_name"] == "ada"
        requests.post(f"{server.http}/sign-out", cookies=cookies, timeout=30)
        for _ in range(10):
            found = requests.get(f"{server.http}/{CALLER}", cookies=cookies, timeout=30)
            assert found.status_code == 401
    finally:
        server.stop()
        issuer.stop()


def test_whoever_signs_in_again_and_again_has_to_wait_as_with_other_calls(
    start_server: Callable[..., ServerProcess],
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0", RUNSTREAM_REQUESTS_PER_CALLER="5")
    tokens = create_tokens(server.address)
    url = f"{server.http}/sign-in/token"
    answers = [requests.post(url, json={"token": tokens["bob"]}, timeout=30) for _ in range(20)]
    refused = [answer for answer in answers if answer.status_code != 204]
    assert refused
    assert {answer.status_code for answer in refused} == {429}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert not any("set-cookie" in answer.headers for answer in refused)
    (count,) = server.query("SELECT count(*) FROM session")[0]
    assert count == 20 - len(refused)
    assert requests.post(url, json={"token": tokens["eve"]}, timeout=30).status_code == 204


def test_the_oldest_session_of_somebody_ends_when_they_have_too_many(
    with_tokens: tuple[ServerProcess, dict[str, str]],
) -> None:
    server, tokens = with_tokens
    bob = begin_session(server.http, tokens["bob"])
    sessions = [begin_session(server.http, tokens["ada"]) for _ in range(MAX_SESSIONS + 2)]

    def status(cookie: str) -> int:
        url = f"{server.http}/{CALLER}"
        return requests.get(url, headers={"Cookie": cookie}, timeout=30).status_code

    assert [status(cookie) for cookie in sessions] == [401] * 2 + [200] * MAX_SESSIONS
    assert status(bob) == 200


@pytest.mark.sqlite
def test_signing_out_of_no_session_keeps_no_writer_busy(
    with_tokens: tuple[ServerProcess, dict[str, str]],
) -> None:
    server, tokens = with_tokens
    cookie = begin_session(server.http, tokens["ada"])
    url = f"{server.http}/sign-out"
    with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the server cannot write
        headers = {"Cookie": "runstream_session=made-up"}
        assert requests.post(url, headers=headers, timeout=2).status_code == 204
        with pytest.raises(requests.ReadTimeout):
            requests.post(url, headers={"Cookie": cookie}, timeout=2)
        other.execute("ROLLBACK")


def test_an_open_server_signs_nobody_in(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0")
    browser = requests.Session()
    answer = browser.post(f"{server.http}/sign-in/token", json={"token": "rst_x"}, timeout=30)
    assert answer.status_code == 204
    assert session_cookie(browser) is None
    assert caller(browser, server) == (200, "")


def test_below_a_path_of_a_proxy_behind_tls_cookies_are_for_that_path_and_tls(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    provider = OpenIdProvider(tmp_path, "https://ml.example.org/runstream", {"ada": []})
    try:
        server = start_server(
            **provider.options(
                RUNSTREAM_HTTP_PORT="0",
                RUNSTREAM_ROOT_PATH="/runstream",
                RUNSTREAM_TRUSTED_PROXIES="127.0.0.1",
                RUNSTREAM_ALLOWED_HOSTS="ml.example.org",
            )
        )
        headers = {"X-Forwarded-Host": "ml.example.org", "X-Forwarded-Proto": "https"}
        answer = requests.get(
            f"{server.http}/sign-in/start", headers=headers, allow_redirects=False, timeout=30
        )
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert query["redirect_uri"] == ["https://ml.example.org/runstream/sign-in/callback"]
        cookie = answer.headers["set-cookie"].lower()
        assert "path=/runstream" in cookie
        assert "secure" in cookie
    finally:
        provider.stop()
