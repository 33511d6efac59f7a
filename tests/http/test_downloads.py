"""Artifacts for people: files as what they are, whole or in part, and folders as a zip."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from pathlib import Path

import pytest

from runstream import TrackingClient
from support.rest import ERROR_FIELDS, Rest
from support.server_process import ServerProcess

FILE = "/api/1.0/runstream/artifacts/file"
ZIP = "/api/1.0/runstream/artifacts/zip"
LARGE = bytes(range(256)) * 40_000


@pytest.fixture
def run_id(server: ServerProcess, tmp_path: Path) -> str:
    folder = tmp_path / "files"
    (folder / "model" / "deep").mkdir(parents=True)
    (folder / "model" / "weights.bin").write_bytes(LARGE)
    (folder / "model" / "deep" / "ö b.txt").write_text("hello")
    (folder / "page.html").write_text("<script>1</script>")
    (folder / "empty.txt").write_bytes(b"")
    with TrackingClient(server.uri) as client:
        run = client.create_run("0")
        client.log_artifacts(run.info.run_id, folder)
    return str(run.info.run_id)


def test_a_file_comes_as_what_it_is_and_cannot_reach_the_page(rest: Rest, run_id: str) -> None:
    query = {"run_id": run_id, "path": "page.html"}
    got = rest.session.get(rest.uri + FILE, params=query)
    assert (got.status_code, got.text) == (200, "<script>1</script>")
    assert got.headers["content-type"].startswith("text/html")
    assert got.headers["x-content-type-options"] == "nosniff"
    policy = got.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "connect-src" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(LARGE)),
        ("bytes=-7", len(LARGE) - 7, len(LARGE)),
        ("bytes=5-99999999999", 5, len(LARGE)),
        ("bytes=0-", 0, len(LARGE)),
    ],
)
def test_a_part_of_a_file_is_sent(
    rest: Rest, run_id: str, asked: str, start: int, end: int
) -> None:
    query = {"run_id": run_id, "path": "model/weights.bin"}
    got = rest.session.get(rest.uri + FILE, params=query, headers={"range": asked})
    assert got.status_code == 206
    assert got.content == LARGE[start:end]
    assert got.headers["content-range"] == f"bytes {start}-{end - 1}/{len(LARGE)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=9-5", "bytes=-0"])
def test_a_part_that_is_not_there_is_refused(rest: Rest, run_id: str, asked: str) -> None:
    query = {"run_id": run_id, "path": "model/weights.bin"}
    got = rest.session.get(rest.uri + FILE, params=query, headers={"range": asked})
    assert (got.status_code, got.headers["content-range"]) == (416, f"bytes */{len(LARGE)}")


@pytest.mark.parametrize("asked", ["lines=1-2", "bytes=1-2,5-6", "bytes=-", "bytes"])
def test_what_is_not_one_range_of_bytes_is_passed_over(rest: Rest, run_id: str, asked: str) -> None:
    query = {"run_id": run_id, "path": "model/deep/ö b.txt"}
    got = rest.session.get(rest.uri + FILE, params=query, headers={"range": asked})
    assert (got.status_code, got.text) == (200, "hello")


def test_a_folder_comes_as_a_zip(rest: Rest, run_id: str) -> None:
    got = rest.session.get(rest.uri + ZIP, params={"run_id": run_id, "path": "model"})
    assert got.headers["content-type"] == "application/zip"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''model.zip"
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["deep/ö b.txt", "weights.bin"]
        assert archive.read("weights.bin") == LARGE
        assert archive.read("deep/ö b.txt") == b"hello"


def test_all_artifacts_and_one_file_come_as_a_zip(rest: Rest, run_id: str) -> None:
    got = rest.session.get(rest.uri + ZIP, params={"run_id": run_id})
    assert f"{run_id}.zip" in got.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.testzip() is None
        names = ["empty.txt", "model/deep/ö b.txt", "model/weights.bin", "page.html"]
        assert archive.namelist() == names
    got = rest.session.get(rest.uri + ZIP, params={"run_id": run_id, "path": "model/weights.bin"})
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert archive.namelist() == ["weights.bin"]


def test_a_zip_is_sent_while_it_is_made(rest: Rest, server: ServerProcess, tmp_path: Path) -> None:
    """The server never holds it: its memory does not grow by what it sends."""
    folder = tmp_path / "large"
    folder.mkdir()
    for number in range(8):
        (folder / f"{number}.bin").write_bytes(bytes([number]) * 32 * 1024 * 1024)
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_artifacts(run, folder)
    before = _memory(server)
    got = rest.session.get(rest.uri + ZIP, params={"run_id": run}, stream=True)
    size = sum(len(chunk) for chunk in got.iter_content(1024 * 1024))
    assert size > 256 * 1024 * 1024
    assert _memory(server) - before < 64 * 1024


def _memory(server: ServerProcess) -> int:
    """Return the largest resident set that the server had so far, in kB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)


@pytest.mark.parametrize("path", [FILE, ZIP])
def test_what_is_not_there_or_not_named_is_refused(rest: Rest, run_id: str, path: str) -> None:
    for query, status in (
        ({"run_id": run_id, "path": "nothing"}, 404),
        ({"run_id": "0" * 32, "path": "page.html"}, 404),
        ({"path": "page.html"}, 400),
        ({"run_id": run_id, "path": "../up"}, 400),
    ):
        got = rest.session.get(rest.uri + path, params=query)
        assert got.status_code == status, got.text
        assert set(got.json()) == ERROR_FIELDS
    got = rest.session.get(rest.uri + FILE, params={"run_id": run_id})
    assert (got.status_code, got.json()["message"]) == (
        400,
        "Missing value for required parameter 'path'",
    )


def test_a_part_of_a_content_that_was_replaced_is_not_put_to_the_rest_of_another(
    rest: Rest, server: ServerProcess, run_id: str, tmp_path: Path
) -> None:
    """A browser that goes on with a download says what it has (`If-Range`)."""
    query = {"run_id": run_id, "path": "page.html"}
    first = rest.session.get(rest.uri + FILE, params=query)
    asked = {"range": "bytes=4-", "if-range": first.headers["etag"]}
    assert rest.session.get(rest.uri + FILE, params=query, headers=asked).status_code == 206
    held = {"if-none-match": first.headers["etag"]}
    same = rest.session.get(rest.uri + FILE, params=query, headers=held)
    assert (same.status_code, same.content) == (304, b"")
    (tmp_path / "page.html").write_text("another page")
    with TrackingClient(server.uri) as client:
        client.log_artifact(run_id, tmp_path / "page.html")
    other = rest.session.get(rest.uri + FILE, params=query, headers=asked)
    assert (other.status_code, other.text) == (200, "another page")
    assert rest.session.get(rest.uri + FILE, params=query, headers=held).text == "another page"


def test_files_that_are_replaced_or_deleted_while_a_zip_is_sent_are_whole_in_it(
    rest: Rest, server: ServerProcess, tmp_path: Path
) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()
    (folder / "0.bin").write_bytes(bytes(64 * 1024 * 1024))  # what no socket takes at once
    for number in range(1, 9):
        (folder / f"{number}.bin").write_bytes(bytes(1000))
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        client.log_artifacts(run, folder)
        got = rest.session.get(rest.uri + ZIP, params={"run_id": run}, stream=True)
        chunks = got.iter_content(1024 * 1024)
        content = [next(chunks)]
        for number in range(1, 8):
            (folder / f"{number}.bin").write_bytes(b"new" * 500 * number)
            client.log_artifact(run, folder / f"{number}.bin")
        client.delete_artifacts(run, "8.bin")
        content += chunks
    with zipfile.ZipFile(io.BytesIO(b"".join(content))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"{number}.bin" for number in range(8)]
        for number in range(1, 8):
            assert archive.read(f"{number}.bin") == b"new" * 500 * number


def test_a_file_can_be_read_again_and_again_while_it_is_replaced(
    rest: Rest, server: ServerProcess, run_id: str, tmp_path: Path
) -> None:
    """The content that a download was to send may be gone by the time it is opened."""
    file = tmp_path / "model.bin"
    ended = threading.Event()

    def replace() -> None:
        with TrackingClient(server.uri) as client:
            for number in range(150):
                file.write_bytes(b"%d\n" % number * (number + 1))
                client.log_artifact(run_id, file)
        ended.set()

    file.write_bytes(b"0\n")
    with TrackingClient(server.uri) as client:
        client.log_artifact(run_id, file)
    thread = threading.Thread(target=replace)
    thread.start()
    query = {"run_id": run_id, "path": "model.bin"}
    while not ended.is_set():
        got = rest.session.get(rest.uri + FILE, params=query)
        assert got.status_code == 200
        first, *rest_of = got.text.split()
        assert len(rest_of) == int(first)
        assert got.headers["etag"] == f'"{hashlib.sha256(got.content).hexdigest()}"'
    thread.join()


@pytest.mark.parametrize("asked", [f"bytes=0-{'9' * 5_000}", f"bytes=-{'9' * 5_000}"])
def test_a_range_of_thousands_of_digits_ends_with_the_file(
    rest: Rest, run_id: str, asked: str
) -> None:
    query = {"run_id": run_id, "path": "page.html"}
    got = rest.session.get(rest.uri + FILE, params=query, headers={"range": asked})
    assert (got.status_code, got.text) == (206, "<script>1</script>")


def test_the_name_of_a_file_is_no_address(rest: Rest, server: ServerProcess) -> None:
    """Not even one that begins as an address that says what it is."""
    with TrackingClient(server.uri) as client:
        run = client.create_run("0").info.run_id
        for name in ("data:a/ö", "data:text/html,x.png", "http://x/y.svg".replace("//", "")):
            client.log_text(run, "hello", name)
    for name, kind in (
        ("data:a/ö", "application/octet-stream"),
        ("data:text/html,x.png", "image/png"),
        ("http:x/y.svg", "image/svg+xml"),
    ):
        got = rest.session.get(rest.uri + FILE, params={"run_id": run, "path": name})
        assert (got.status_code, got.text, got.headers["content-type"]) == (200, "hello", kind)


def test_a_stored_page_or_picture_loads_nothing_and_runs_nothing_anywhere(
    rest: Rest, run_id: str
) -> None:
    proxy = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a.svg"
    picture = '<svg xmlns="http://www.w3.org/2000/svg"><image href="http://evil.example/"/></svg>'
    rest.session.put(rest.uri + proxy, data=picture).raise_for_status()
    for path in (
        proxy,
        f"/get-artifact?run_id={run_id}&path=a.svg",
        f"{FILE}?run_id={run_id}&path=a.svg",
    ):
        headers = rest.session.get(rest.uri + path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("sandbox"), path
        assert "default-src 'none'" in policy, path
        assert ("allow-scripts" in policy) == (path.startswith(FILE)), path
        assert not {"http:", "https:", "*"} & set(policy.replace(";", " ").split()), path
        assert headers["x-content-type-options"] == "nosniff", path
        head = rest.session.head(rest.uri + path)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(picture)))
