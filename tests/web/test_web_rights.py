"""What the pages offer to those who may only read, may write, and own an experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess

# Who is signed in, with which role on the experiment, and what they may do.
READING = [("eve", "reader"), ("bob", "owner")]  # Bob is a reader of the server
WRITING = [("eve", "writer")]
OWNING = [("ada", "owner"), ("root", "")]
ALL = [*READING, *WRITING, *OWNING]


class OfAda(NamedTuple):
    """An experiment of Ada's with one run, and the names of both."""

    experiment: str
    run: str
    deleted_run: str


@pytest.fixture
def of_ada(server: ServerProcess, tokens: dict[str, str]) -> OfAda:
    with TrackingClient(server.uri, tokens["ada"]) as ada:
        experiment = ada.create_experiment("of Ada")
        run, gone = (
            ada.create_run(experiment, run_name=name).info.run_id for name in ("here", "gone")
        )
        ada.delete_run(gone)
    return OfAda(experiment, run, gone)


@pytest.fixture
def grant(server: ServerProcess, tokens: dict[str, str], of_ada: OfAda) -> Callable[..., None]:
    """Give somebody a role on the experiment."""

    def grant(name: str, role: str) -> None:
        with TrackingClient(server.uri, tokens["ada"]) as ada:
            if role:
                ada.set_grant(of_ada.experiment, f"user:{name}", role)

    return grant


def expect_offered(page: Page, names: list[str], is_offered: bool) -> None:
    for name in names:
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(int(is_offered))


@pytest.mark.parametrize(("name", "role"), ALL)
def test_only_what_somebody_may_do_is_offered(
    server: ServerProcess,
    page: Page,
    of_ada: OfAda,
    grant: Callable[..., None],
    sign_in: Callable[[str], None],
    name: str,
    role: str,
) -> None:
    grant(name, role)
    writes, owns = (name, role) not in READING, (name, role) in OWNING
    sign_in(name)
    expect(page.get_by_role("link", name="of Ada")).to_be_visible()
    menu = page.get_by_role("button", name="Actions for of Ada")
    expect(menu).to_have_count(int(writes))
    if writes:
        menu.click()
        offered = ["Rename", "Archive", "Delete"] if owns else ["Archive"]
        expect(page.get_by_role("menuitem")).to_have_text(offered)
        page.keyboard.press("Escape")
    expect_offered(page, ["New experiment"], name != "bob")

    page.get_by_role("link", name="of Ada").click()
    page.get_by_label("Select here").check()
    expect(page.get_by_role("button", name="Compare")).to_be_visible()
    expect_offered(page, ["Rename", "Tag", "More actions"], writes)
    page.goto(f"{server.http}/#/experiments/{of_ada.experiment}?stage=deleted")
    page.get_by_label("Select gone").check()
    expect_offered(page, ["Restore"], writes)

    page.goto(f"{server.http}/#/runs/{of_ada.run}")
    expect(page.get_by_role("navigation", name="Breadcrumbs")).to_contain_text("of Ada")
    expect_offered(page, ["More about this run", "Write notes", "Set tag"], writes)
    page.goto(f"{server.http}/#/runs/{of_ada.deleted_run}")
    expect(page.get_by_text("deleted by ada")).to_be_visible()
    expect(page.get_by_role("navigation", name="Breadcrumbs")).to_contain_text("of Ada")
    expect_offered(page, ["Restore"], writes)


@pytest.mark.parametrize(("name", "role"), ALL)
def test_only_owners_are_offered_to_restore_an_experiment(
    server: ServerProcess,
    page: Page,
    tokens: dict[str, str],
    of_ada: OfAda,
    grant: Callable[..., None],
    sign_in: Callable[[str], None],
    name: str,
    role: str,
) -> None:
    grant(name, role)
    with TrackingClient(server.uri, tokens["ada"]) as ada:
        ada.delete_experiment(of_ada.experiment)
    sign_in(name)
    page.goto(f"{server.http}/#/experiments?view=deleted")
    expect(page.get_by_role("link", name="of Ada")).to_be_visible()
    expect_offered(page, ["Restore of Ada"], (name, role) in OWNING)


def test_a_right_that_is_taken_away_meanwhile_is_refused_in_words(
    server: ServerProcess,
    page: Page,
    of_ada: OfAda,
    grant: Callable[..., None],
    sign_in: Callable[[str], None],
) -> None:
    grant("eve", "writer")
    sign_in("eve")
    page.goto(f"{server.http}/#/runs/{of_ada.run}")
    page.get_by_role("button", name="Write notes").click()
    page.get_by_label("Notes, in markdown").fill("too late")
    grant("eve", "reader")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("'eve' has reader")
    page.reload()
    expect(page.get_by_role("navigation", name="Breadcrumbs")).to_contain_text("of Ada")
    expect_offered(page, ["More about this run", "Write notes"], False)


@pytest.mark.usefixtures("of_ada")
def test_whoever_sees_nothing_yet_is_told_what_they_can_do(
    page: Page, sign_in: Callable[[str], None]
) -> None:
    sign_in("bob")
    expect(page.get_by_text("No experiment is granted to you.")).to_be_visible()
    expect(page.get_by_text("import runstream")).to_have_count(0)
    sign_in("eve")
    expect(page.get_by_text("import runstream")).to_contain_text("set_experiment")


def test_a_reader_of_an_empty_experiment_is_not_told_to_log_to_it(
    server: ServerProcess,
    page: Page,
    tokens: dict[str, str],
    sign_in: Callable[[str], None],
) -> None:
    with TrackingClient(server.uri, tokens["ada"]) as ada:
        experiment = ada.create_experiment("empty")
        ada.set_grant(experiment, "user:eve", "reader")
    sign_in("eve")
    page.goto(f"{server.http}/#/experiments/{experiment}")
    expect(page.get_by_text("No runs yet")).to_be_visible()
    expect(page.get_by_text("import runstream")).to_have_count(0)
    sign_in("ada")
    page.goto(f"{server.http}/#/experiments/{experiment}")
    expect(page.get_by_text("import runstream")).to_be_visible()
