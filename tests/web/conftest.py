"""Fixtures: a real browser, and servers with runs that the real client logged."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from runstream import TrackingClient
from support import web_content
from support.access import create_tokens
from support.api import Api
from support.server_process import ServerProcess
from support.web_content import Content

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), "")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The Chromium of the system."""
    if not CHROMIUM:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        # Without a sandbox of its own it runs as root, too; it sees only our server.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, Content]]:
    """A server with runs, for tests that change none of them."""
    folder = tmp_path_factory.mktemp("filled")
    server = ServerProcess(folder / "runs.db", {"RUNSTREAM_HTTP_PORT": "0"})
    yield server, web_content.log_content(server.uri)
    assert server.stop() == ""


@pytest.fixture
def content(filled: tuple[ServerProcess, Content]) -> Content:
    return filled[1]


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    """An empty server."""
    return start_server(RUNSTREAM_HTTP_PORT="0")


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window that checks all pages in it: no script fails, and nothing comes from elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    errors: list[str] = []
    hosts: set[str] = set()
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("request", lambda request: hosts.add(urlsplit(request.url).netloc.split(":")[0]))
    yield context
    context.close()
    assert errors == []
    assert hosts - {""} <= {"127.0.0.1"}


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page that waits 20 seconds for what is expected of it: machines may be busy."""
    context.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    return context.new_page()


@pytest.fixture
def see(page: Page, filled: tuple[ServerProcess, Content]) -> Callable[[str], Page]:
    """Open an address of the filled server."""

    def see(address: str) -> Page:
        page.goto(f"{filled[0].http}/#{address}")
        return page

    return see


@pytest.fixture
def tokens(server: ServerProcess) -> dict[str, str]:
    """The tokens of those whom the server knows."""
    return create_tokens(server.address)


@pytest.fixture
def sign_in(server: ServerProcess, page: Page, tokens: dict[str, str]) -> Callable[[str], None]:
    """Sign somebody in by their token, in place of who was."""

    def sign_in(name: str) -> None:
        page.context.clear_cookies()
        answer = page.request.post(
            f"{server.http}/sign-in/token",
            data={"token": tokens[name]},
            headers={"Origin": server.http},
        )
        assert answer.ok, answer.text()
        page.goto(server.http)
        page.reload()
        expect(page.locator(".caller")).to_contain_text(name)

    return sign_in


@pytest.fixture
def told_experiment(api: Api) -> str:
    """An experiment of which alerts tell."""
    return api.create_experiment("told of")


@pytest.fixture
def told_run(server: ServerProcess, told_experiment: str) -> str:
    """A run of it, which goes on."""
    with TrackingClient(server.uri) as client:
        run_id = client.create_run(told_experiment, run_name="deep").info.run_id
        client.log_metric(run_id, "val_loss", 0.25, step=3)
        client.flush()
        return run_id
