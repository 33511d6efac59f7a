"""How the server sends the web interface: whole, guarded, and from itself alone."""

from __future__ import annotations

import re

import pytest

from support.rest import Rest


def assets(page: str) -> list[str]:
    return re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)


def test_the_page_and_what_it_loads_come_from_the_server(rest: Rest) -> None:
    page = rest.session.get(rest.uri)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    assert not re.search(r"https?:|//[a-z]", page.text)
    found = assets(page.text)
    assert any(name.endswith(".js") for name in found)
    for name in found:
        asset = rest.session.get(f"{rest.uri}/{name}")
        assert asset.status_code == 200
        assert "immutable" in asset.headers["cache-control"]
        assert asset.headers["content-encoding"] == "gzip"
        plain = rest.session.get(f"{rest.uri}/{name}", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == asset.content


def test_the_policy_forbids_scripts_in_the_page_and_other_places(rest: Rest) -> None:
    page = rest.session.get(rest.uri)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
    assert "unsafe" not in policy
    assert policy.endswith("frame-ancestors http://localhost:* http://127.0.0.1:*")
    assert not re.search(r"<script(?![^>]*src=)", page.text)


def test_a_file_that_is_not_of_the_interface_is_not_found(rest: Rest) -> None:
    for name in ("nothing.js", "..%2Findex.html", "%2e%2e%2fserver.py"):
        assert rest.session.get(f"{rest.uri}/assets/{name}").status_code == 404


def test_the_page_can_tell_where_grpc_is(rest: Rest) -> None:
    about = rest.session.get(f"{rest.uri}/api/1.0/runstream/server").json()
    assert set(about) == {"version", "grpc_port", "http_port", "http_is_secure", "has_interface"}
    assert about["has_interface"] is True
    assert rest.uri.endswith(f":{about['http_port']}")
    assert about["grpc_port"] > 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "https://proxy.example"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_pages_of_other_sites_cannot_write(
    rest: Rest, headers: dict[str, str], status: int
) -> None:  # W7
    path = f"{rest.uri}/api/2.0/mlflow/experiments/create"
    said = {"content-type": "text/plain", **headers}  # which asks for nobody's leave (CORS)
    answer = rest.session.post(path, data='{"name": "a"}', headers=said)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error_code"] == "PERMISSION_DENIED"
    found = rest.post("experiments/search", max_results=10)["experiments"]
    assert len(found) == (2 if status == 200 else 1)
    assert rest.session.get(f"{rest.uri}/health", headers=headers).status_code == 200


def test_the_page_of_this_server_can_write(rest: Rest) -> None:  # W7
    headers = {"origin": rest.uri}
    path = f"{rest.uri}/api/2.0/mlflow/experiments/create"
    assert rest.session.post(path, json={"name": "a"}, headers=headers).status_code == 200


def test_what_a_browser_has_already_is_not_sent_again(rest: Rest) -> None:
    page = assets(rest.session.get(rest.uri).text)[0]
    for path in ("", f"/{page}", "/openapi", "/openapi.json", "/openapi/static/swagger-ui.css"):
        first = rest.session.get(rest.uri + path)
        assert (first.status_code, first.headers["vary"]) == (200, "accept-encoding")
        assert first.headers["content-encoding"] == "gzip"
        for tag, status in (
            (first.headers["etag"], 304),
            (f'"other", {first.headers["etag"].removeprefix("W/")}', 304),
            ('W/"other"', 200),
        ):
            again = rest.session.get(rest.uri + path, headers={"if-none-match": tag})
            assert again.status_code == status, (path, tag)
            assert again.content == (b"" if status == 304 else first.content)
            assert again.headers["cache-control"] == first.headers["cache-control"]


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [("gzip, br", True), ("br;q=1, gzip;q=0.5", True), ("gzip;q=0", False), ("x-gzip", False)],
)
def test_files_are_compressed_for_those_who_want_it(
    rest: Rest, accepted: str, is_compressed: bool
) -> None:
    answer = rest.session.get(rest.uri, headers={"accept-encoding": accepted})
    assert ("content-encoding" in answer.headers) == is_compressed
