"""Signing in to the interface, seen by a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.access import create_tokens
from support.openid_provider import OpenIdProvider
from support.ports import reserve_port
from support.server_process import ServerProcess


@pytest.fixture
def signed(start_server: Callable[..., ServerProcess], tmp_path: Path) -> Iterator[ServerProcess]:
    """A server by whose provider people sign in."""
    port = str(reserve_port())
    provider = OpenIdProvider(tmp_path, f"http://127.0.0.1:{port}", {"ada": ["scientists"]})
    yield start_server(
        **provider.options(RUNSTREAM_HTTP_PORT=port, RUNSTREAM_OIDC_WRITERS="scientists")
    )
    provider.stop()


def log_in(page: Page, user: str) -> None:
    """Give a password to the provider."""
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(f"password of {user}")
    page.get_by_role("button", name="Log in").click()


def test_a_person_signs_in_by_the_provider_is_where_they_were_and_signs_out(
    signed: ServerProcess, page: Page
) -> None:
    page.goto(f"{signed.http}/#/?search=abc")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert Axe().run(page).violations_count == 0
    page.get_by_role("button", name="Sign in by 127.0.0.1").click()
    log_in(page, "ada")
    expect(page.locator(".caller")).to_contain_text("ada")
    expect(page).to_have_url(f"{signed.http}/#/?search=abc")
    expect(page.get_by_role("heading", name="Sign in")).to_have_count(0)
    assert "runstream" not in page.evaluate("document.cookie")
    assert Axe().run(page).violations_count == 0

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator(".caller")).to_have_count(0)


def test_a_sign_in_that_the_provider_refuses_is_told(signed: ServerProcess, page: Page) -> None:
    page.goto(f"{signed.http}/sign-in/callback?error=access_denied&state=x")
    expect(page.get_by_role("alert")).to_contain_text("That did not work")
    page.get_by_role("button", name="Sign in by 127.0.0.1").click()
    log_in(page, "ada")
    expect(page.locator(".caller")).to_contain_text("ada")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_somebody_signs_in_by_a_token_and_a_session_that_ends_asks_again(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        client.create_run("0", run_name="seen by admins")
    page.goto(f"{server.http}/#/experiments/0")
    expect(page.get_by_text("seen by admins")).to_be_visible()
    tokens = create_tokens(server.address)
    page.reload()
    field = page.get_by_label("API token")
    field.fill("rst_" + "x" * 43)
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("unknown")
    field.fill(tokens["root"])
    field.press("Enter")
    expect(page.get_by_text("seen by admins")).to_be_visible()
    expect(page.locator(".caller")).to_contain_text("root")

    # Another tab, too, is of whoever signed in last.
    other = page.context.new_page()
    other.goto(f"{server.http}/#/experiments/0")
    expect(other.locator(".caller")).to_contain_text("root")
    other.get_by_role("button", name="Sign out").click()
    other.get_by_label("API token").fill(tokens["ada"])
    other.get_by_label("API token").press("Enter")
    expect(other.locator(".caller")).to_contain_text("ada")
    expect(page.locator(".caller")).to_contain_text("ada")

    server.query("UPDATE session SET expiry_time = 1")
    page.get_by_role("link", name="Experiments").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
