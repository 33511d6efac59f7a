"""A server that does not answer: the page waits for a stated time, says so, and goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Route, expect

from support.held_requests import wait_for_requests
from support.server_process import ServerProcess
from support.web_charts import choose
from support.web_content import Content

See = Callable[[str], Page]
HEALTH = "**/health"
ALERTS = "**/runstream/alerts?*"


def never(_: Route) -> None:
    """Leave a request without an answer."""


@contextmanager
def halting() -> Iterator[str]:
    """Yield the address of a server that sends the beginning of each answer, and then nothing."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: 999\r\n\r\n{"
    connections: list[socket.socket] = []

    def answer(listener: socket.socket) -> None:
        while True:
            try:
                connections.append(listener.accept()[0])
            except OSError:
                return
            connections[-1].recv(65_536)
            connections[-1].sendall(head)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in connections:
        connection.close()


def test_a_read_without_an_answer_says_what_it_waited_for_and_is_tried_again(
    page: Page, see: See, content: Content
) -> None:
    page.clock.install()
    page.route("**/runs/search", never)
    with page.expect_request("**/runs/search"):
        see(f"/experiments/{content.experiment_id}?tab=table")
    page.clock.fast_forward(59_000)
    expect(page.get_by_role("alert")).to_have_count(0)
    page.clock.fast_forward(2_000)
    error = page.get_by_role("alert")
    expect(error).to_contain_text("The server has not answered runs/search in 60 seconds.")
    page.unroute("**/runs/search")
    error.get_by_role("button", name="Try again").click()
    expect(page.locator(".row").first).to_be_visible()
    expect(error).to_have_count(0)


def test_a_server_that_hangs_is_lost_and_all_is_read_again_when_it_answers(
    page: Page, see: See, content: Content
) -> None:
    page.clock.install()
    page.route("**/api/**", never)
    page.route(HEALTH, never)
    with page.expect_request("**/get-position"):
        see(f"/experiments/{content.experiment_id}?tab=table")
    with page.expect_request(HEALTH):
        page.clock.fast_forward(61_000)
    expect(page.get_by_text("The server cannot be reached")).to_have_count(0)
    page.clock.fast_forward(11_000)
    expect(page.get_by_text("The server cannot be reached")).to_be_visible()
    page.unroute("**/api/**")
    page.unroute(HEALTH)
    page.clock.fast_forward(12_000)  # the question that is under way ends, and another is asked
    expect(page.locator(".row").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_part_of_the_page_that_does_not_come_is_said_to_be_missing(
    page: Page, see: See, content: Content
) -> None:
    file = "**/assets/RunConsole-*.js"
    page.clock.install()
    page.route(file, never)
    see(f"/runs/{content.runs[0]}")
    with page.expect_request(file):
        page.get_by_role("tab", name="Console").click()
    page.clock.fast_forward(61_000)
    expect(page.get_by_role("alert")).to_contain_text("This part of the page could not be loaded")
    page.get_by_role("tab", name="Overview").click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()


def test_a_history_that_halts_in_the_middle_ends_and_is_read_again(
    page: Page, see: See, content: Content
) -> None:
    page.clock.install()
    history = "**/metrics/history/stream?*"
    with halting() as address:
        page.route(
            history,
            lambda route: route.continue_(url=f"{address}/{route.request.url.rpartition('?')[2]}"),
        )
        with page.expect_response(lambda answer: answer.url.startswith(address)):
            see(f"/runs/{content.edges}")
        figure = page.locator("figure.panel").first
        expect(figure).to_have_attribute("aria-busy", "true")
        page.clock.fast_forward(181_000)
        error = figure.get_by_role("alert")
        said = "has not answered metrics/history/stream in 180 seconds"
        expect(error).to_contain_text(said)
        page.unroute(history)
        error.get_by_role("button").click()
        expect(figure.locator("canvas").first).to_be_visible()
        expect(error).to_have_count(0)


def test_a_watch_that_falls_silent_is_begun_again(page: Page, see: See, content: Content) -> None:
    page.clock.install()
    page.route("**/watch/stream?*", never)
    with page.expect_request("**/watch/stream?*"):
        see(f"/experiments/{content.experiment_id}?tab=table")
    expect(page.locator(".row").first).to_be_visible()
    with page.expect_response(HEALTH):  # whether the server is there
        page.clock.fast_forward(51_000)
    wait_for_requests(page)
    with page.expect_request("**/watch/stream?*"):
        page.clock.run_for(2_000)


def test_alerts_without_an_answer_are_asked_for_again(page: Page, see: See) -> None:
    page.clock.install()
    page.route(ALERTS, never)
    with page.expect_request(ALERTS):
        see("/")
    page.clock.fast_forward(61_000)
    wait_for_requests(page)
    with page.expect_request(ALERTS):
        page.clock.fast_forward(31_000)


def test_runs_are_shown_where_there_is_no_position_to_follow_them_from(
    page: Page, see: See, content: Content
) -> None:
    page.route("**/watch/get-position", lambda route: route.fulfill(status=500, body="{}"))
    see(f"/experiments/{content.experiment_id}?tab=table")
    expect(page.locator(".row").first).to_be_visible()


def test_the_page_of_a_proxy_in_place_of_an_answer_is_told_as_what_it_is(
    page: Page, see: See, content: Content
) -> None:
    html = "<!doctype html><title>Sign in</title>"
    page.route("**/runs/search", lambda route: route.fulfill(content_type="text/html", body=html))
    see(f"/experiments/{content.experiment_id}?tab=table")
    error = page.get_by_role("alert")
    expect(error).to_contain_text("What answered is not this server")
    expect(error).to_contain_text("text/html in place of json")


def test_parquet_tells_that_it_is_made_and_can_be_stopped(
    page: Page, see: See, content: Content
) -> None:
    see(f"/runs/{content.edges}")
    figure = page.locator("figure.panel").first
    expect(figure.locator("canvas").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.context.route("**/metrics/history/stream?*", never)
    choose(figure, "Parquet")
    notice = page.get_by_role("status").filter(has_text="Making")
    expect(notice).to_contain_text(".parquet")
    notice.get_by_role("button", name="Stop").click()
    expect(notice).to_have_count(0)
    expect(page.locator(".notice")).to_have_count(0)
    page.context.unroute("**/metrics/history/stream?*")
    page.context.route(
        "**/metrics/history/stream?*",
        lambda route: route.fulfill(status=502, content_type="text/html", body="<html>"),
    )
    choose(figure, "Parquet")
    expect(page.locator(".notice.failed")).to_contain_text("The server answered 502.")


def test_a_sign_in_without_an_answer_ends(server: ServerProcess, page: Page) -> None:
    page.clock.install()
    page.route("**/access/caller", lambda route: route.fulfill(status=401, body="{}"))
    page.route("**/sign-in/token", never)
    page.goto(server.http)
    page.get_by_label("Token").fill("a token")
    page.get_by_role("button", name="Sign in").click()
    page.clock.fast_forward(61_000)
    expect(page.get_by_role("alert")).to_contain_text("has not answered /sign-in/token")
