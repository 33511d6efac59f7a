"""The interface in a browser, behind a proxy that shows it below a path."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.reverse_proxy import ReverseProxy
from support.server_process import ServerProcess


@pytest.mark.parametrize("strips", [True, False])
def test_every_part_of_the_interface_works_below_a_path(
    start_server: Callable[..., ServerProcess], page: Page, strips: bool
) -> None:
    server = start_server("below.db", RUNSTREAM_HTTP_PORT="0", RUNSTREAM_ROOT_PATH="/tools/runs")
    proxy = ReverseProxy(server.http, "/tools/runs", strips)
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    try:
        with TrackingClient(server.uri) as client:
            page.goto(f"{proxy.uri}/#/experiments/0")
            expect(page.get_by_text(f'mlflow.set_tracking_uri("{proxy.uri}")')).to_be_visible()
            run_id = client.create_run("0", run_name="first").info.run_id
            page.get_by_role("link", name="first").click()  # it appeared by itself
            client.log_metric(run_id, "loss", 0.25, step=1)
            client.log_text(run_id, "hello from a file", "notes.txt")
            client.flush()
            expect(page.get_by_text("0.25").first).to_be_visible()
            page.goto(f"{proxy.uri}/#/runs/{run_id}?tab=artifacts&artifact=notes.txt")
            expect(page.get_by_text("hello from a file")).to_be_visible()
            page.goto(f"{proxy.uri}/openapi#/ExperimentService/GetExperiment")
            page.get_by_role("button", name="Try it out").click()
            page.get_by_placeholder("experiment_id").fill("0")
            page.get_by_role("button", name="Execute").click()
            expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text(
                "200"
            )
    finally:
        proxy.close()
    assert [
        url for url in requested if not url.startswith((f"{proxy.uri}/", "data:", "blob:"))
    ] == []
