"""Runs and charts in frames of other pages, such as notebooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from playwright.sync_api import Page, expect

import runstream
from runstream import TrackingClient
from runstream.entities import RunFrame
from support.server_process import ServerProcess
from support.web_content import Content


@contextmanager
def notebook(html: str) -> Iterator[str]:
    """Serve a page of another origin on this computer; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_notebook_on_this_computer_shows_a_run_and_charts_in_frames(
    filled: tuple[ServerProcess, Content], page: Page
) -> None:
    server, content = filled
    with TrackingClient(server.uri) as client:
        uri = client.interface_uri(content.runs[0], content.experiment_id)
    charts = f"{server.http}/#/experiments/{content.experiment_id}?tab=charts&frame=none"
    html = RunFrame("adam-0.3", uri, 400)._repr_html_()
    with notebook(f'<!doctype html>{html}<iframe height="600" src="{charts}"></iframe>') as address:
        page.goto(address)
        run = page.frame_locator("iframe").nth(0)
        expect(run.get_by_role("heading", name="adam-0.3").first).to_be_visible()
        expect(run.get_by_role("navigation", name="Main")).to_have_count(0)
        panels = page.frame_locator("iframe").nth(1)
        expect(panels.get_by_role("figure").first).to_be_visible()
        expect(panels.get_by_role("button", name="Reset")).to_be_hidden()


def test_where_a_run_can_be_seen_is_said_in_words_if_nobody_knows(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", server.uri)
    with runstream.start_run(run_name="<b>") as run:
        shown = run.show(height=300)
    run.flush()  # its end
    assert shown.uri is not None
    assert f"{shown.uri}?frame=none" in shown._repr_html_()
    assert "<b>" not in shown._repr_html_()
    assert repr(shown) == f"<b> is at {shown.uri}"
    unknown = RunFrame("<b>", None, 300)
    assert "is not known" in unknown._repr_html_()
    assert "<b>" not in unknown._repr_html_()


def test_the_server_says_whose_pages_may_have_its_interface_in_a_frame(
    start_server: Callable[..., ServerProcess],
) -> None:
    for value, policy in (
        ("none", "'none'"),
        ("https://hub.example.org,vscode-webview:", "https://hub.example.org vscode-webview:"),
    ):
        server = start_server(RUNSTREAM_HTTP_PORT="0", RUNSTREAM_FRAME_ANCESTORS=value)
        headers = requests.get(server.http, timeout=30).headers
        assert headers["content-security-policy"].endswith(f"frame-ancestors {policy}")
        server.stop()
