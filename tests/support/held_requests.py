"""Requests of a page: those that get no answer yet, and that all have reached the test."""

from __future__ import annotations

from playwright.sync_api import Page, Route


class HeldRequests:
    """Requests of a page, by the pattern of their address, that get no answer yet."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page = page
        self._pattern = pattern
        self._routes: list[Route] = []
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        self._routes.append(route)

    def after(self, seconds: int) -> int:
        """Return how many there are after so many seconds of the page's clock."""
        for _ in range(3):
            self._page.clock.run_for(seconds * 1_000 // 3)
            wait_for_requests(self._page)
        return len(self._routes)

    def answer(self) -> None:
        """Have the server answer all, and those that come from now on."""
        while self._routes:
            self._routes.pop().continue_()
        self._page.unroute(self._pattern)


def wait_for_requests(page: Page) -> None:
    """Wait until the test knows of all that the page has asked for so far."""
    page.evaluate("fetch('health').then(answer => answer.text())")
