"""Who may do what with an experiment, and who deleted what, as a browser shows it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from runstream import TrackingClient
from support.server_process import ServerProcess


def test_an_owner_grants_roles_and_takes_them_back(
    server: ServerProcess, page: Page, tokens: dict[str, str], sign_in: Callable[[str], None]
) -> None:
    with TrackingClient(server.uri, tokens["ada"]) as ada:
        experiment = ada.create_experiment("of Ada")
        sign_in("ada")
        page.get_by_role("link", name="of Ada").click()
        page.get_by_role("button", name="Access").click()
        dialog = page.get_by_role("dialog", name="Access to of Ada")
        expect(dialog.locator("tbody tr")).to_have_count(1)
        expect(dialog.get_by_label("Role of user:ada")).to_have_value("owner")
        dialog.get_by_label("User or group").fill("user:eve")
        dialog.get_by_label("Role", exact=True).select_option("writer")
        dialog.get_by_role("button", name="Grant").click()
        expect(dialog.get_by_label("Role of user:eve")).to_have_value("writer")
        assert {g.grantee: g.role for g in ada.list_grants(experiment)}["user:eve"] == "writer"
        dialog.get_by_label("Role of user:eve").select_option("reader")
        dialog.get_by_label("User or group").fill("bob")
        dialog.get_by_role("button", name="Grant").click()
        expect(dialog.get_by_role("alert")).to_contain_text("user:NAME or group:NAME")
        assert {g.grantee: g.role for g in ada.list_grants(experiment)}["user:eve"] == "reader"
        sign_in("eve")
        page.get_by_role("link", name="of Ada").click()
        page.get_by_role("button", name="Access").click()
        expect(dialog.locator("tbody tr")).to_have_count(2)
        expect(dialog.get_by_role("button", name="Grant")).to_have_count(0)
        expect(dialog.get_by_role("button", name="Remove")).to_have_count(0)
        sign_in("ada")
        page.get_by_role("link", name="of Ada").click()
        page.get_by_role("button", name="Access").click()
        dialog.get_by_role("button", name="Remove user:eve").click()
        expect(dialog.locator("tbody tr")).to_have_count(1)
        assert [g.grantee for g in ada.list_grants(experiment)] == ["user:ada"]


def test_what_is_deleted_says_who_deleted_it(
    server: ServerProcess, page: Page, tokens: dict[str, str], sign_in: Callable[[str], None]
) -> None:
    with TrackingClient(server.uri, tokens["ada"]) as ada:
        experiment = ada.create_experiment("of Ada")
        run_id = ada.create_run(experiment, run_name="one").info.run_id
        ada.delete_run(run_id)
        ada.delete_experiment(ada.create_experiment("gone"))
    sign_in("ada")
    page.goto(f"{server.http}/#/experiments?view=deleted")
    expect(page.get_by_role("row", name="gone")).to_contain_text("deleted by ada")
    page.goto(f"{server.http}/#/experiments/{experiment}?stage=deleted")
    expect(page.get_by_role("columnheader", name="Deleted by")).to_be_visible()
    expect(page.get_by_role("row", name="one").get_by_role("gridcell", name="ada")).to_be_visible()
    page.goto(f"{server.http}/#/runs/{run_id}")
    expect(page.get_by_text("deleted by ada")).to_be_visible()


def test_an_open_server_has_no_access_to_grant(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.http}/#/experiments/0")
    expect(page.get_by_role("heading", level=1)).to_have_text("Default")
    expect(page.get_by_role("button", name="Access")).to_have_count(0)
