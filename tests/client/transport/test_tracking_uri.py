"""The forms of a tracking URI, and what is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import runstream
from runstream.errors import InvalidArgument
from runstream.transport import tracking_uri
from runstream.transport.tracking_uri import Target, parse


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path.resolve()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", "")
    return folder


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("grpc://Example:50051", Target("grpc://example:50051", ("example:50051",))),
        ("grpc://127.0.0.1:1/", Target("grpc://127.0.0.1:1", ("127.0.0.1:1",))),
        ("grpc://[::1]:65535", Target("grpc://[::1]:65535", ("[::1]:65535",))),
        ("GRPCS://host:443", Target("grpcs://host:443", ("host:443",), secure=True)),
        ("unix:/run/r.sock", Target("unix:/run/r.sock", ("unix:/run/r.sock",))),
        ("unix:///run/r.sock", Target("unix:/run/r.sock", ("unix:/run/r.sock",))),
    ],
)
def test_a_server_is_named_by_host_and_port_or_by_its_socket(uri: str, target: Target) -> None:
    assert parse(uri) == target


def test_several_servers_are_named_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    target = parse("grpcs://B.example:443,a.example:0444,[::1]:1,10.0.0.1:1/")
    addresses = ("b.example:443", "a.example:444", "[::1]:1", "10.0.0.1:1")
    assert target == Target(f"grpcs://{','.join(addresses)}", addresses, secure=True)
    assert parse(target.uri) == target
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", target.uri)
    assert runstream.get_tracking_uri() == target.uri


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("grpc://a:1,b", "a host and a port, or several with commas between"),
        ("grpc://a:1,", "a host and a port, or several with commas between"),
        ("grpc://a:1, b:1", "a host and a port, or several with commas between"),
        ("grpc://a:1,b:0", "a host and a port, or several with commas between"),
        ("grpc://a:1,grpc://b:1", "a host and a port, or several with commas between"),
        ("grpc://a:1,b:1,A:01", "it names a:1 twice"),
        (f"grpc://{','.join(f'h:{i}' for i in range(1, 18))}", "17 servers, and 16 are the most"),
        ("a:1,b:1", "a server is named grpc://a:1,b:1, a file of this name ./a:1,b:1"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_list_of_servers_that_is_wrong_is_refused_saying_why(uri: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(reason)) as refused:
        parse(uri)
    assert refused.value.metadata["field"] == "tracking_uri"


def test_a_relative_socket_is_found_from_any_directory(here: Path) -> None:
    assert parse("unix:r.sock").addresses == (f"unix:{here}/r.sock",)


@pytest.mark.parametrize(
    "uri", ["sqlite:///runs.db", "runs.db", "./runs.db", Path("runs.db"), "../{here}/runs.db"]
)
def test_a_file_is_named_by_a_url_or_a_path(here: Path, uri: str | Path) -> None:
    if isinstance(uri, str):
        uri = uri.format(here=here.name)
    file = f"{here}/runs.db"
    assert parse(uri) == Target(f"sqlite:///{file}", database=file)


def test_the_normal_form_of_a_uri_means_the_same_elsewhere(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [parse(uri) for uri in ("runs.db", "unix:r.sock", "grpc://h:1", "grpcs://h:1")]
    monkeypatch.chdir("/")
    assert [parse(target.uri) for target in targets] == targets
    assert targets[0].uri == f"sqlite:///{here}/runs.db"


def test_a_file_behind_a_link_is_the_file(here: Path) -> None:
    (here / "real").mkdir()
    (here / "link").symlink_to("real")
    assert parse("link/runs.db") == parse("real/runs.db")


def test_a_path_is_taken_as_it_stands(here: Path) -> None:
    name = "50% of: a?b#c.db"
    assert parse(Path(name)).database == f"{here}/{name}"
    assert parse(f"sqlite:///{name}").database == f"{here}/{name}"
    assert parse(Path("grpc://h:1")).database == f"{here}/grpc:/h:1"


def test_none_is_the_environment_or_a_file_in_the_current_directory(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parse(None).database == f"{here}/runstream.db"
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", "grpc://h:1")
    assert tracking_uri.default() == "grpc://h:1"
    assert parse(None).addresses == ("h:1",)
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", "")
    assert parse(None).database == f"{here}/runstream.db"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "grpc://",
        "grpc:host:1",
        "grpc://host",
        "grpc://host:0",
        "grpc://host:70000",
        "grpc://host:port",
        "grpc://:1",
        "grpc://[::1:1",
        "grpc://user@host:1",
        "grpc://host:1/path",
        "grpc://host:1?key=1",
        "localhost:50051",
        "unix:",
        "unix:///",
        "unix://host/path",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/runs.db",
        "sqlite:///:memory:",
        "postgresql://host/runs",
        "file:///tmp/mlruns",
        ".",
        "folder/",
    ],
)
@pytest.mark.usefixtures("here")
def test_anything_else_is_refused_naming_what_is_allowed(uri: str) -> None:
    with pytest.raises(InvalidArgument, match=r"grpc://.*unix:path.*sqlite:///") as refused:
        parse(uri)
    assert refused.value.metadata["field"] == "tracking_uri"
    assert refused.value.metadata["value"] == uri


@pytest.mark.parametrize("uri", ["postgresql://u:PW@h/runs", "postgres://u@h/runs?password=PW"])
def test_the_refusal_of_a_database_has_no_password(uri: str) -> None:
    with pytest.raises(InvalidArgument, match=r"postgres(ql)?://u@h/runs") as refused:
        parse(uri)
    assert "PW" not in f"{refused.value} {refused.value.metadata}"


@pytest.mark.parametrize(
    "uri", ["127.0.0.1:50051", "localhost:50051", "[::1]:50051", "gpu-7.example.org:443", "h_1:5/"]
)
def test_a_host_and_a_port_are_no_file_and_the_error_says_the_right_form(
    here: Path, uri: str
) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(f"grpc://{uri.rstrip('/')}, ")):
        parse(uri)
    assert os.listdir(here) == []
    assert parse(f"./{uri}x").database == f"{here}/{uri}x"


@pytest.mark.parametrize("uri", ["~/runs.db", "sqlite:///~/runs.db", Path("~/runs.db")])
def test_a_tilde_is_the_home_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch, uri: str | Path
) -> None:
    monkeypatch.setenv("HOME", f"{here}/home")
    assert parse(uri).database == f"{here}/home/runs.db"
    assert parse("unix:~/r.sock").addresses == (f"unix:{here}/home/r.sock",)
    assert parse("sqlite:///./~/runs.db").database == f"{here}/~/runs.db"


@pytest.mark.parametrize(("given", "absolute"), [("", "runstream.db"), ("a/b.db", "a/b.db")])
def test_a_relative_uri_is_pinned_at_its_first_use_for_this_process_and_those_it_starts(
    here: Path, monkeypatch: pytest.MonkeyPatch, given: str, absolute: str
) -> None:
    """R7."""
    monkeypatch.setenv("RUNSTREAM_TRACKING_URI", given)
    assert runstream.is_tracking_uri_set() == bool(given)
    first = runstream.get_tracking_uri()
    assert first == f"sqlite:///{here}/{absolute}"
    assert runstream.is_tracking_uri_set() == bool(given)
    monkeypatch.chdir("/")
    assert runstream.get_tracking_uri() == runstream.TrackingClient().tracking_uri == first
    code = "import runstream; print(runstream.get_tracking_uri())"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == first
    runstream.set_tracking_uri("grpc://h:1")
    assert runstream.is_tracking_uri_set()


@pytest.mark.parametrize("uri", ["http://localhost:5000", "https://host"])
def test_an_address_of_the_web_is_refused_with_a_hint(uri: str) -> None:
    with pytest.raises(InvalidArgument, match="speak gRPC, not HTTP"):
        parse(uri)


def test_a_folder_is_refused(here: Path) -> None:
    for folder in (here, str(here), f"sqlite:///{here}"):
        with pytest.raises(InvalidArgument, match="a folder"):
            parse(folder)
    assert os.listdir(here) == []
