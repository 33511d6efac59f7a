"""A page that may not watch yet, because its user has as many watches as one may have."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.access import create_tokens
from support.server_process import ServerProcess


def test_a_page_follows_its_experiment_as_soon_as_a_watch_is_free(
    start_server: Callable[..., ServerProcess], page: Page
) -> None:
    server = start_server(RUNSTREAM_HTTP_PORT="0", RUNSTREAM_WATCHES_PER_CALLER="1")
    token = create_tokens(server.address)["ada"]
    with TrackingClient(server.uri, token=token) as ada:
        experiment = ada.create_experiment("followed")
        ada.create_run(experiment, run_name="first")
        with closing(ada.watch(experiment_ids=[experiment])):
            answer = page.request.post(
                f"{server.http}/sign-in/token",
                data={"token": token},
                headers={"Origin": server.http},
            )
            assert answer.ok, answer.text()
            with page.expect_response(lambda got: got.status == 429):
                page.goto(f"{server.http}/#/experiments/{experiment}")
            expect(page.get_by_text("first")).to_be_visible()
        ada.create_run(experiment, run_name="second")
        expect(page.get_by_text("second")).to_be_visible()
        ada.create_run(experiment, run_name="third")
        expect(page.get_by_text("third")).to_be_visible(timeout=5_000)
        expect(page.get_by_role("alert")).to_have_count(0)
