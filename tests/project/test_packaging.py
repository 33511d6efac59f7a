"""The package as users get it: built, installed in a fresh environment, beside other versions."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from support.server_process import ENVIRONMENT
from support.virtual_environments import Environment

ROOT = Path(__file__).parents[2]
CONTRACT = sorted(path.stem for path in ROOT.glob("proto/runstream/v1/*.proto"))

TYPED_PROGRAM = """
import grpc
import runstream
from runstream.v1.run_service_pb2 import GetRunRequest
from runstream.v1.run_service_pb2_grpc import RunServiceStub

def best(run_id: str) -> float:
    with runstream.start_run(run_name="a", tags={"k": "v"}) as run:
        runstream.log_metric("loss", 0.5, step=1)
        runstream.log_params({"lr": 0.1, "layers": 3})
    client = runstream.TrackingClient("grpc://127.0.0.1:50051")
    client.log_param(run.info.run_id, "optimizer", "adam")
    steps: list[int] = [point.step for point in client.get_metric_history(run_id, "loss")]
    with grpc.insecure_channel("127.0.0.1:50051") as channel:
        stub = RunServiceStub(channel)
        status: int = stub.GetRun(GetRunRequest(run_id=run_id)).run.info.status
    return runstream.get_run(run_id).data.metrics["loss"] + len(steps) + status
"""

# A program, and what mypy has to say of its second line.
WRONG_TYPES = [
    ("import runstream\nrunstream.log_metric(1, 0.5)", "arg-type"),
    ("import runstream\nrun: int = runstream.start_run()", "assignment"),
    ("import runstream\nrunstream.TrackingClient().get_run(1)", "arg-type"),
    ("from runstream.v1.run_service_pb2 import GetRunRequest\nGetRunRequest(run_id=1)", "arg-type"),
    ("from runstream.v1.metric_pb2 import MetricTable\nMetricTable(values=[1.0])", "call-arg"),
]


def test_importing_is_fast(newest: Environment) -> None:
    """Processor time, and the best of several: other work on the machine does not count."""

    def milliseconds(module: str) -> float:
        code = f"from time import *; t = process_time(); import {module}; print(process_time() - t)"
        return 1000 * float(newest.run("-c", code))

    # In turns, so that a while in which the processor is slow concerns both.
    modules = ("runstream", "grpc, google.protobuf.descriptor_pool")
    rounds = [[milliseconds(module) for module in modules] for _ in range(15)]
    runstream, needed = map(min, zip(*rounds, strict=True))
    assert runstream < 2 * needed, f"{runstream:.0f} ms; gRPC and protobuf alone {needed:.0f} ms"


def test_without_the_server_extra_a_file_is_refused_saying_what_to_install(
    lowest: Environment, tmp_path: Path
) -> None:
    code = """
import sys
from runstream.transport.embedded import ensure_server
from runstream.errors import Unavailable
try:
    ensure_server(sys.argv[1])
except Unavailable as error:
    print(error)
"""
    said = lowest.run("-c", code, str(tmp_path / "runs.db"))
    assert "pip install '.[server]' in the sources of Runstream" in said


def test_the_wheel_holds_the_stubs_their_types_and_the_server(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    for name in CONTRACT:
        for end in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi"):
            assert f"runstream/v1/{name}{end}" in names
    assert {"runstream/py.typed", "runstream_service/server.py"} <= names
    assert "runstream_service/http/contract.binpb" in names
    assert "runstream_service/web/index.html" in names
    assert any(re.fullmatch(r"runstream_service/web/assets/index-.+\.js", name) for name in names)
    folders = {name.split("/")[0] for name in names}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {
        "runstream",
        "runstream_service",
    }


def test_building_it_needs_no_node_and_leaves_nothing_of_it_behind(
    sources: Path, wheel: Path
) -> None:
    assert wheel.exists()
    assert list(sources.rglob("node_modules")) == []


@pytest.fixture(scope="session")
def typed(newest: Environment) -> Environment:
    newest.install("types-grpcio", "types-protobuf")
    return newest


def mypy(environment: Environment, program: str, folder: Path) -> tuple[int, str]:
    (folder / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental"]
    done = subprocess.run(
        [*command, "--python-executable", environment.python, "program.py"],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout


def test_typed_programs_pass_mypy_strict(typed: Environment, tmp_path: Path) -> None:
    status, said = mypy(typed, TYPED_PROGRAM, tmp_path)
    assert status == 0, said


def test_a_wrong_type_does_not_pass_mypy(typed: Environment, tmp_path: Path) -> None:
    status, said = mypy(typed, "\n".join(program for program, _ in WRONG_TYPES), tmp_path)
    assert status == 1
    errors = re.findall(r"^program.py:(\d+): error: .*\[(.*)\]$", said, re.MULTILINE)
    assert errors == [(str(2 * i + 2), code) for i, (_, code) in enumerate(WRONG_TYPES)], said


def test_each_unary_call_has_one_route_and_no_stream_has_any(tmp_path: Path) -> None:
    image = tmp_path / "contract.binpb"
    runpy.run_path(str(ROOT / "proto" / "image.py"))["write_image"](ROOT / "proto", image)
    routes = []
    for file in FileDescriptorSet.FromString(image.read_bytes()).file:
        for service in file.service:
            for method in service.method:
                rule = method.options.Extensions[annotations_pb2.http]
                streams = method.client_streaming or method.server_streaming
                assert method.options.HasExtension(annotations_pb2.http) != streams, method.name
                if not streams:
                    kind = rule.WhichOneof("pattern")
                    assert kind in {"get", "post", "patch", "delete"}, method.name
                    # A deletion of names that are not in its path has a body, as MLflow's.
                    in_body = kind == "delete" and "{" not in rule.delete
                    has_body = kind in {"post", "patch"} or in_body
                    assert rule.body == ("*" if has_body else ""), method.name
                    for each in (rule, *rule.additional_bindings):
                        verb = each.WhichOneof("pattern")
                        routes.append((verb, getattr(each, verb)))
    assert len(routes) >= 16
    assert len(set(routes)) == len(routes)
    assert all(path.startswith(("/api/2.0/mlflow/", "/api/1.0/runstream/")) for _, path in routes)
