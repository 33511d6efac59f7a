"""What pages follow: a watch that is not free yet, and changes that come while a page reads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from playwright.sync_api import Page, Route, expect

from runstream import TrackingClient
from support.access import create_tokens
from support.held_requests import wait_for_requests
from support.server_process import ServerProcess

# Keeps the addresses of the streams that are open.
COUNT_STREAMS = """
window.streams = new Set();
window.EventSource = class extends EventSource {
  constructor(url) { super(url); window.streams.add(this.url); }
  close() { super.close(); window.streams.delete(this.url); }
};
"""


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


def test_a_change_that_comes_while_runs_are_read_is_not_lost(
    server: ServerProcess, page: Page
) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run("0", run_name="ends meanwhile").info.run_id
        client.log_params(run_id, {"lr": 0.25})
        page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status")
        row = page.locator(".row")
        expect(row).to_contain_text("Running")

        held: list[Route] = []
        page.route("**/runs/search", lambda route: held.append(route), times=1)
        with page.expect_request("**/runs/search"):
            page.goto(f"{server.http}/#/experiments/0?tab=table&columns=status,params.lr")
        wait_for_requests(page)
        (route,) = held
        answer = route.fetch()
        client.set_terminated(run_id)
        expect(row).to_contain_text("Finished")  # told by the watch
        expect(row).not_to_contain_text("0.25")
        route.fulfill(response=answer)  # which does not know that it has ended
        expect(row).to_contain_text("0.25")
        expect(row).to_contain_text("Finished")


def test_a_page_of_many_charts_leaves_connections_for_what_it_asks(
    server: ServerProcess, page: Page
) -> None:
    """A browser opens six to a server at once, and each chart follows other runs."""
    with TrackingClient(server.uri) as client:
        run_ids = [client.create_run("0").info.run_id for _ in range(8)]
        for run_id in run_ids:
            client.log_metric(run_id, "loss", 0.5)
        client.flush()
        blocks = "".join(f"```runstream\nselected={run_id}\n```\n" for run_id in run_ids)
        report = client.create_document("0", "report", "Many", blocks).document_id
        page.add_init_script(COUNT_STREAMS)
        page.goto(f"{server.http}/#/reports/{report}?edit=1")
        expect(page.locator("figure.panel")).to_have_count(len(run_ids))
        page.wait_for_function("streams.size === 4")
        shared = "[...streams].filter(url => url.includes('experiment_ids')).length"
        assert page.evaluate(shared) == 1
        page.get_by_role("textbox", name="Report, in markdown").fill("Written.")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("button", name="Edit", exact=True)).to_be_visible(timeout=10_000)
