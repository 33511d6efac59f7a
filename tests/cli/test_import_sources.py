"""`runstream import mlflow` of sources that are broken, or hostile (docs/decisions/0031)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from runstream import TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess

RUN = "a" * 32
OTHER = "b" * 32
Answer = Callable[[str, dict[str, list[str]]], Any]


def run_import(source: str, server: ServerProcess, *options: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "runstream", "import", "mlflow", source, "--json", *options],
        env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": server.uri},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def write(file: Path, content: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server()  # of its own: runs are imported once


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    """A folder with two runs that ended."""
    root = tmp_path / "mlruns"
    write(root / "7/meta.yaml", "experiment_id: '7'\nname: wine\nlifecycle_stage: active\n")
    for run_id in (RUN, OTHER):
        meta = f"run_id: {run_id}\nstatus: 3\nstart_time: 1\nend_time: 2\nartifact_uri: ''\n"
        write(root / f"7/{run_id}/meta.yaml", meta)
        write(root / f"7/{run_id}/metrics/loss", "1 0.5 0\n2 0.25 1\n")
        write(root / f"7/{run_id}/params/lr", "0.1")
        write(root / f"7/{run_id}/artifacts/notes/good.txt", "good")
    return root


def test_what_is_broken_costs_itself_and_is_told_with_its_line(
    mlruns: Path, server: ServerProcess
) -> None:
    run = mlruns / "7" / RUN
    write(run / "metrics/loss", "1 0.5 50.0\nnonsense\n2 x 1\n3 0.25 51 \n4 1 1.5\n\n5 nan 52\n")
    write(run / "metrics/.DS_Store", b"\x00\xff")
    write(run / "metrics/bad\nname", "1 1 1\n")
    write(run / "params/latin", "größer".encode("latin-1"))
    write(run / "params/.lr.swp", b"\x00")
    write(run / "params/long", "x" * 70_000)
    write(run / "tags/fine", "größer")
    write(run / "inputs/x/meta.yaml", "a: [1\nb: {\n")
    write(mlruns / "8/meta.yaml", "name: [broken\n")
    status, report = run_import(str(mlruns), server)
    told = "\n".join(report["problems"])
    assert status == 1
    for place in ("loss:2:", "loss:3:", "loss:5:", "params/latin", "long", "inputs/x/meta.yaml:"):
        assert place in told, told
    assert str(mlruns / "8/meta.yaml") in told
    assert ".DS_Store" not in told
    assert ".lr.swp" not in told
    assert (report["runs"], report["points"], report["artifacts"]) == (2, 5, 2)
    with TrackingClient(server.uri) as client:
        stored = client.get_run(RUN)
        assert stored.info.status == "FINISHED"
        assert stored.data.params == {"lr": "0.1"}
        assert stored.data.tags["fine"] == "größer"
        assert [point.step for point in client.get_metric_history(RUN, "loss")] == [50, 51, 52]
        assert client.load_text(RUN, "notes/good.txt") == "good"
    # What was copied whole is passed over, and what was not is tried again.
    assert run_import(str(mlruns), server)[1]["runs_already_there"] == 1


def test_no_run_is_left_running_though_nothing_of_it_can_be_copied(
    mlruns: Path, server: ServerProcess
) -> None:
    run = mlruns / "7" / RUN
    for part in ("metrics/loss", "params/lr"):
        write(run / part, b"\xff\xfe")
    status, report = run_import(str(mlruns), server)
    assert (status, report["runs"]) == (1, 2)
    with TrackingClient(server.uri) as client:
        assert client.get_run(RUN).info.status == "FINISHED"


def test_links_lead_to_no_file_outside_of_the_folder(
    mlruns: Path, tmp_path: Path, server: ServerProcess
) -> None:
    write(tmp_path / "secret/key", "secret")
    run = mlruns / "7" / RUN
    (run / "artifacts/link").symlink_to(tmp_path / "secret")
    (run / "artifacts/file").symlink_to(tmp_path / "secret/key")
    (run / "artifacts/round").symlink_to(run / "artifacts")
    (run / "artifacts/inside").symlink_to(mlruns / "7" / OTHER / "artifacts")
    (run / "params/stolen").symlink_to(tmp_path / "secret/key")
    os.mkfifo(run / "artifacts/pipe")
    status, report = run_import(str(mlruns), server)
    assert status == 1
    assert len(report["problems"]) == 5, report["problems"]
    with TrackingClient(server.uri) as client:
        assert client.get_run(RUN).data.params == {"lr": "0.1"}
        paths = {file.path for file in client.list_artifacts(RUN)}
        assert paths == {"inside", "notes"}
        assert client.load_text(RUN, "inside/notes/good.txt") == "good"


def test_an_artifact_uri_names_no_folder_elsewhere_unless_it_is_allowed(
    mlruns: Path, tmp_path: Path, server: ServerProcess
) -> None:
    write(tmp_path / "elsewhere/model.bin", "model")
    run = mlruns / "7" / RUN
    (run / "artifacts/notes/good.txt").unlink()
    (run / "artifacts/notes").rmdir()
    (run / "artifacts").rmdir()
    meta = (run / "meta.yaml").read_text()
    write(
        run / "meta.yaml", meta.replace("artifact_uri: ''", f"artifact_uri: {tmp_path}/elsewhere")
    )
    status, report = run_import(str(mlruns), server)
    assert status == 1
    assert "--local-artifacts" in report["problems"][0]
    status, report = run_import(
        str(mlruns), server, "--local-artifacts", str(tmp_path / "elsewhere")
    )
    assert (status, report["artifacts"]) == (0, 1)


@pytest.fixture
def hostile() -> Iterator[Callable[[Answer], str]]:
    """A function that starts a server of MLflow's API, of which an answer may be anything."""
    servers = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                uri = urlsplit(self.path)
                told = answer(uri.path, parse_qs(uri.query))
                status, headers, content = told if isinstance(told, tuple) else (200, {}, told)
                if not isinstance(content, bytes):
                    content = json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def api(uri: str = "mlflow-artifacts:/0/r/artifacts", **more: Any) -> Answer:
    """Answer as a server with one run; `more` has other answers, by a part of the path."""
    info = {"run_id": RUN, "status": "FINISHED", "start_time": 1, "end_time": 2}
    run = {"info": info | {"artifact_uri": uri}, "data": {}}

    def answer(path: str, query: dict[str, list[str]]) -> Any:
        for part, told in more.items():
            if part.replace("_", "/") in path:
                return told(path, query) if callable(told) else told
        if path.endswith("experiments/search"):
            return {"experiments": [{"experiment_id": "0", "name": "Default"}]}
        if path.endswith("runs/search"):
            return {"runs": [run]}
        return {"run": run} if path.endswith("runs/get") else {}

    return answer


def test_a_server_names_no_file_of_this_machine(
    hostile: Callable[[Answer], str], tmp_path: Path, server: ServerProcess
) -> None:
    write(tmp_path / "secret/key", "secret")
    for uri in (str(tmp_path / "secret"), f"file://{tmp_path}/secret", "secret", "./secret"):
        status, report = run_import(hostile(api(uri)), server)
        assert (status, report["artifacts"]) == (1, 0)
        assert "--local-artifacts" in report["problems"][0]
    allowed = run_import(
        hostile(api(str(tmp_path / "secret"))), server, "--local-artifacts", str(tmp_path)
    )
    assert (allowed[0], allowed[1]["artifacts"]) == (0, 1)


FILE = {"files": [{"path": "x", "is_dir": False, "file_size": 3}]}
LIES: dict[str, tuple[Answer, str]] = {
    "redirect": (
        api(artifacts=(302, {"Location": "http://127.0.0.2:1/x"}, b"")),
        "leads to another server",
    ),
    "folders without end": (
        api(artifacts={"files": [{"path": "d", "is_dir": True}]}),
        "must be at most 1000 bytes",
    ),
    "NUL in a name": (api(artifacts={"files": [{"path": "a\0b", "file_size": 1}]}), "control"),
    "a name that leads out": (api(artifacts={"files": [{"path": "..", "is_dir": True}]}), "part"),
    "more bytes than it says": (
        api(artifacts=lambda path, _: b"abcd" if path.endswith("x") else FILE),
        "more than the 3 bytes",
    ),
    "fewer bytes than it says": (
        api(artifacts=lambda path, _: b"ab" if path.endswith("x") else FILE),
        "1 bytes less than the 3",
    ),
    "pages without end": (
        api(runs_search={"next_page_token": "again"}),
        "pages without end",
    ),
    "no JSON": (api(runs_get=b"<html>"), "what is no JSON"),
    "another type": (api(runs_get={"run": {"info": {"status": 7}, "data": {}}}), "no text"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_server_that_lies_is_told_of(
    hostile: Callable[[Answer], str], server: ServerProcess, lie: str
) -> None:
    answer, text = LIES[lie]
    status, report = run_import(hostile(answer), server)
    assert status == 1
    assert text in report["problems"][0]
    with TrackingClient(server.uri) as client:
        assert [run for run in client.search_runs(["0"]) if run.info.status == "RUNNING"] == []
