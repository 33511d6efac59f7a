"""`runstream server --workers N`: several processes that serve the same ports (O11)."""

from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import grpc
import psutil
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from runstream import TrackingClient
from runstream.v1.run_service_pb2 import GetRunRequest
from support.api import Api
from support.ports import reserve_port
from support.postgres import Postgres
from support.server_process import ENVIRONMENT, ServerProcess
from support.waiting import wait_until

# A program that logs numbers to a run until its standard input ends, and says how many there were.
LOGS = """
import sys, threading, runstream
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
with runstream.start_run() as run:
    step = 0
    while not ended.wait(0.005):
        runstream.log_metric("m", step / 7, step=step)
        step += 1
print(run.info.run_id, step)
"""


class Workers(ServerProcess):
    """A server of several processes, on a PostgreSQL of its own."""

    def __init__(self, folder: Path, postgres: Postgres, workers: int = 3, **more: str) -> None:
        environment = {
            "RUNSTREAM_WORKERS": str(workers),
            "RUNSTREAM_HTTP_PORT": "0",
            "RUNSTREAM_ARTIFACT_ROOT": str(folder),
            **more,
        }
        super().__init__(folder / "runs.db", environment, url=postgres.create_database())

    def processes(self) -> dict[int, psutil.Process]:
        """Return the workers that are there, by their number."""
        workers = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(
                psutil.NoSuchProcess, IndexError, ValueError
            ):  # it has just ended, or just begun
                workers[int(child.cmdline()[-1])] = child
        return workers

    def kill_worker(self, number: int) -> None:
        """End a worker as a crash does, and wait until its successor serves."""
        killed = self.processes()[number]
        killed.kill()
        wait_until(lambda: self.processes().get(number, killed).pid != killed.pid, 60)
        wait_until(lambda: str(number) in {s["worker"] for s, _ in self.samples("info")}, 120)

    def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each sample of a metric, of whichever worker's page it is."""
        page = requests.get(f"{self.http}/metrics", timeout=60)
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(page.text)
            for sample in family.samples
            if sample.name == f"runstream_{name}"
        ]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Workers]:
    """Three workers for the tests that end none of them."""
    workers = Workers(tmp_path_factory.mktemp("workers"), postgres)
    yield workers
    assert workers.stop() == ""


@pytest.fixture
def start_workers(tmp_path: Path, postgres: Postgres) -> Iterator[Callable[..., Workers]]:
    """Start workers, and end those that are left after the test."""
    started: list[Workers] = []

    def start(workers: int = 2, **environment: str) -> Workers:
        started.append(Workers(tmp_path, postgres, workers, **environment))
        return started[-1]

    yield start
    for workers in started:
        if workers.process.poll() is None:
            workers.stop()


@pytest.fixture
def start_programs() -> Iterator[Callable[[str], list[subprocess.Popen[str]]]]:
    """Start programs that log to a server until their standard input ends."""
    started: list[subprocess.Popen[str]] = []

    def start(uri: str) -> list[subprocess.Popen[str]]:
        for _ in range(2):
            program = subprocess.Popen(
                [sys.executable, "-c", LOGS],
                env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": uri},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started.append(program)
        return started

    yield start
    for program in started:
        if program.poll() is None:
            program.kill()
            program.communicate()


def refusal(*options: str) -> str:
    """Return the one line on stderr of a server that cannot start."""
    command = [sys.executable, "-m", "runstream", "server", "--workers", "3", *options]
    ended = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended.stderr


def test_connections_are_spread_and_whichever_worker_is_asked_tells_of_all(
    workers: Workers,
) -> None:
    with TrackingClient(workers.uri) as client:
        run_id = client.create_run("0").info.run_id
    own_connection = [("grpc.use_local_subchannel_pool", 1)]
    for _ in range(40):
        with grpc.insecure_channel(workers.address, options=own_connection) as channel:
            Api(channel).runs.GetRun(GetRunRequest(run_id=run_id), timeout=60)
    for _ in range(6):  # each by a connection of its own
        calls = {
            labels["worker"]: value
            for labels, value in workers.samples("calls_total")
            if labels["method"] == "RunService/GetRun"
        }
        assert sum(calls.values()) == 40
        assert len(calls) > 1  # that all are with one of three has a chance of 3 to the -39
    assert {labels["worker"] for labels, _ in workers.samples("info")} == {"1", "2", "3"}


def test_the_page_of_all_workers_is_openmetrics_for_those_who_ask(workers: Workers) -> None:
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = requests.get(f"{workers.http}/metrics", headers=accept, timeout=60)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.count("# TYPE runstream_info") == 1
    assert answer.text.endswith("# EOF\n")


def test_workers_are_ready_only_together(workers: Workers) -> None:
    def ready(_: int = 0) -> tuple[int, str]:
        try:
            answer = requests.get(f"{workers.http}/ready", timeout=15)
        except requests.Timeout:  # it came to the worker that does nothing
            return 0, ""
        return answer.status_code, answer.text

    assert ready() == (200, "OK")
    stopped = workers.processes()[2]
    stopped.suspend()
    try:
        with ThreadPoolExecutor(8) as threads:
            answers = set(threads.map(ready, range(8)))
    finally:
        stopped.resume()
    assert answers - {(0, "")} == {(503, "worker 2 does not answer")}
    wait_until(lambda: ready() == (200, "OK"), 60)


def test_workers_that_are_killed_lose_nothing_that_programs_log(
    start_workers: Callable[..., Workers],
    start_programs: Callable[[str], list[subprocess.Popen[str]]],
) -> None:
    workers = start_workers()
    programs = start_programs(workers.uri)

    def streams() -> float:
        is_stream = "LoggingService/LogBatch"
        calls = workers.samples("open_calls")
        return sum(value for labels, value in calls if labels["method"] == is_stream)

    wait_until(lambda: streams() == len(programs), 120)
    for number in (1, 2):  # so each program has lost its worker
        workers.kill_worker(number)
    with TrackingClient(workers.uri) as client:
        for program in programs:
            run_id, steps = program.communicate("", timeout=120)[0].split()
            assert program.returncode == 0
            history = client.get_metric_history(run_id, "m")
            assert [(point.step, point.value) for point in history] == [
                (step, step / 7) for step in range(int(steps))
            ]
            assert client.get_run(run_id).info.status == "FINISHED"
    errors = workers.stop()
    for number in (1, 2):
        assert f"worker {number} ended by SIGKILL" in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_workers_well(
    start_workers: Callable[..., Workers], number: signal.Signals
) -> None:
    workers = start_workers()
    processes = workers.processes()
    assert set(processes) == {1, 2}
    workers.process.send_signal(number)
    assert workers.process.communicate(timeout=120) == ("", "")
    assert workers.process.returncode == 0
    assert not any(process.is_running() for process in processes.values())


def test_workers_end_when_the_process_that_started_them_is_killed(
    start_workers: Callable[..., Workers],
) -> None:
    workers = start_workers()
    processes = workers.processes().values()
    workers.process.kill()
    workers.process.wait()
    psutil.wait_procs(processes, timeout=60)
    assert not any(process.is_running() for process in processes)
    assert workers.process.communicate()[1] == ""


def test_a_worker_that_ends_again_and_again_is_started_at_growing_intervals(
    start_workers: Callable[..., Workers],
) -> None:
    workers = start_workers(RUNSTREAM_LOG_FORMAT="json")
    for _ in range(3):
        killed = workers.processes()[2]
        killed.kill()
        wait_until(lambda: workers.processes().get(2, killed).pid != killed.pid, 60)  # noqa: B023
    events = [json.loads(line) for line in workers.stop().splitlines()]
    assert [event["message"] for event in events if event["level"] == "ERROR"] == [
        f"worker 2 ended by SIGKILL, it is started again in {seconds} s" for seconds in (1, 2, 4)
    ]


def test_a_worker_that_somebody_told_to_end_is_started_again_without_an_error(
    start_workers: Callable[..., Workers],
) -> None:
    workers = start_workers(RUNSTREAM_LOG_FORMAT="json")
    ended = workers.processes()[2]
    ended.terminate()
    wait_until(lambda: workers.processes().get(2, ended).pid != ended.pid, 60)
    (event, *_) = [json.loads(line) for line in workers.stop().splitlines()]
    text = "worker 2 ended with status 0, it is started again in 1 s"
    assert (event["level"], event["message"]) == ("INFO", text)


def test_workers_come_back_when_the_database_does(tmp_path: Path) -> None:
    postgres = Postgres()
    try:
        workers = Workers(tmp_path, postgres, 2)
        postgres.kill()
        killed = workers.processes()[1]
        killed.kill()
        stderr = workers.process.stderr
        assert stderr is not None
        before = itertools.takewhile(lambda line: "cannot be opened" not in line, stderr)
        assert any("worker 1 ended by SIGKILL" in line for line in before)
        postgres.start()
        assert any("worker 1 serves" in line for line in stderr)
        workers.stop()
    finally:
        postgres.stop()


def test_what_workers_cannot_serve_is_refused_in_one_line(
    workers: Workers, postgres: Postgres, tmp_path: Path
) -> None:
    said = refusal("--database", str(tmp_path / "runs.db"))
    assert "--workers 3 is for a PostgreSQL: one process alone writes an SQLite file" in said
    url = postgres.create_database()
    port = workers.address.rpartition(":")[2]  # whose workers share it with each other alone
    said = refusal("--database", url, "--port", port)
    assert re.search(rf"cannot listen on 127\.0\.0\.1:{port}: .*--port takes another port", said)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        http_port = str(taken.getsockname()[1])
        said = refusal("--database", url, "--port", "0", "--http-port", http_port)
    assert f"cannot listen on 127.0.0.1:{http_port}" in said
    away = f"postgresql://postgres@127.0.0.1:{reserve_port()}/runs"
    assert "cannot be opened" in refusal("--database", away, "--port", "0")


def test_the_server_of_a_file_is_one_process_whatever_the_environment_says(
    tmp_path: Path,
) -> None:
    program = "import runstream; runstream.log_metric('m', 1); runstream.end_run()"
    environment = ENVIRONMENT | {
        "RUNSTREAM_TRACKING_URI": f"sqlite:///{tmp_path}/runs.db",
        "RUNSTREAM_WORKERS": "4",
    }
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)
