"""The documents, held against the code: examples run, and names, limits and links are right."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from google.protobuf import descriptor_pool, json_format
from google.protobuf.message_factory import GetMessageClass

from runstream.v1 import logging_service_pb2, metric_service_pb2, run_service_pb2
from support.server_process import ENVIRONMENT, ServerProcess

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BEHAVIOUR = (ROOT / "docs/behaviour.md").read_text()
JVM = (ROOT / "docs/jvm.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
STUB = ROOT / "examples/raw_stub.py"
SOURCES = [
    path
    for folder in ("clients", "service", "tests", "proto/runstream", "benchmarks", "examples")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".proto", ".java", ".scala"}
    if "_pb2" not in path.name and "target" not in path.parts
]
CONTRACT = (logging_service_pb2, metric_service_pb2, run_service_pb2)  # what grpcurl calls is there


class Block(NamedTuple):
    """A fenced block of a document."""

    language: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)]


def run_python(*arguments: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def empty_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder without a database; a server that an example started there is stopped."""
    yield tmp_path
    address = tmp_path / "runstream.db.address"
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(address.read_text().strip().removeprefix("unix:"))
        size = struct.calcsize("3i")
        pid = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + 20
    while address.exists() and time.monotonic() < give_up:
        time.sleep(0.02)
    assert not address.exists()


def test_the_examples_of_the_readme_print_what_it_says(empty_folder: Path) -> None:
    examples = [
        (block.text, result.text)
        for block, result in pairwise(BLOCKS)
        if block.language == "python" and result.language == "text"
    ]
    assert len(examples) == 2
    for program, output in examples:
        assert run_python("-c", program, folder=empty_folder) == output
    assert (empty_folder / "runstream.db").exists()


def test_every_python_block_of_the_readme_is_run_here() -> None:
    programs = [block.text for block in BLOCKS if block.language == "python"]
    assert len(programs) == 3
    assert programs[2] == STUB.read_text()


def test_the_raw_stub_logs_a_run(server: ServerProcess, tmp_path: Path) -> None:
    said = run_python(STUB, server.address, folder=tmp_path)
    assert re.fullmatch(r"[0-9a-f]{32}: latency 0\.00333 at 299, queue 5\.00000 at 299\n", said)


def test_the_raw_stub_without_an_address_says_how_it_is_called() -> None:
    done = subprocess.run([sys.executable, STUB], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "usage: python examples/raw_stub.py HOST:PORT\n")


def test_the_calls_by_hand_do_what_the_readme_says(server: ServerProcess) -> None:
    """The requests of the README's grpcurl commands, sent as grpcurl sends them."""
    (commands,) = [b.text for b in BLOCKS if b.language == "console" and "RUN_ID=" in b.text]
    calls = re.findall(
        r"grpcurl -plaintext -d (.*?) \\?\s*127\.0\.0\.1:50051 (\S+)", commands, re.S
    )
    assert len(calls) == commands.count("grpcurl") == 4
    answers: list[dict[str, Any]] = []
    with grpc.insecure_channel(server.address) as channel:
        for words, method in calls:
            run_id = answers[0]["run"]["info"]["runId"] if answers else ""
            (request,) = shlex.split(words.replace("$RUN_ID", run_id))
            answers.append(call(channel, method, request))
    (history,) = [json.loads(block.text) for block in BLOCKS if block.language == "json"]
    assert answers[2] == history
    assert answers[3]["runInfo"]["status"] == "FINISHED"


def call(channel: grpc.Channel, method: str, request: str) -> dict[str, Any]:
    """Make a unary call by the name of its method and the JSON of its request."""
    service, name = method.split("/")
    described = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
    message = json_format.Parse(request, GetMessageClass(described.input_type)())
    rpc: Any = channel.unary_unary(
        f"/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(described.output_type).FromString,
    )
    answer: dict[str, Any] = json_format.MessageToDict(rpc(message, timeout=20))
    return answer


def test_the_readme_names_every_option_and_variable_of_the_server(tmp_path: Path) -> None:
    text = run_python("-m", "runstream", "server", "--help", folder=tmp_path)
    names = set(re.findall(r"--[a-z][a-z-]+|RUNSTREAM_[A-Z_]+", text))
    assert {"--database", "RUNSTREAM_DATABASE"} <= names
    assert {name for name in names if f"`{name}`" not in README} == set()


def test_the_readme_names_every_variable_of_the_client() -> None:
    client = [path for path in SOURCES if path.is_relative_to(ROOT / "clients")]
    names = {
        name for path in client for name in re.findall(r"RUNSTREAM_[A-Z_]+\b", path.read_text())
    }
    assert "RUNSTREAM_TRACKING_URI" in names
    assert {name for name in names if f"`{name}`" not in README} == set()


def test_every_test_that_the_rules_name_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", BEHAVIOUR)
    assert len(named) > 40
    missing = {
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"^def {test}\(", (ROOT / "tests" / file).read_text(), re.M)
    }
    assert missing == set()


def test_every_rule_has_a_test_and_every_rule_that_is_cited_is_written_down_once() -> None:
    found = re.findall(r"^\| ([A-Z]\d+) \| .* \| (.*) \|$", BEHAVIOUR, re.M)
    rows = dict(found)
    assert len(rows) == len(found), f"twice: {Counter(row for row, _ in found).most_common(4)}"
    assert {row for row, tests in rows.items() if "::test_" not in tests} == set()
    cited = {
        row
        for path in SOURCES
        for citation in re.findall(r"\(([A-Z]\d+(?:, [A-Z]\d+)*)\)", path.read_text())
        for row in citation.split(", ")
    }
    assert cited - rows.keys() == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    local = [link for link in links if not link.startswith("https://")]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_documents_that_the_code_cites_exist() -> None:
    cited = {
        name
        for path in [*SOURCES, ROOT / "pyproject.toml", ROOT / "proto/buf.yaml"]
        for name in re.findall(r"\bdocs/[\w/-]+(?:\.md)?", path.read_text())
        if path != Path(__file__)
    }
    assert "docs/behaviour.md" in cited
    assert {name for name in cited if not list(ROOT.glob(f"{name}*"))} == set()


def test_java_and_scala_of_the_documents_stand_in_the_examples() -> None:
    examples = {
        language: "".join(path.read_text() for path in (ROOT / "examples" / language).iterdir())
        for language in ("java", "scala")
    }
    found = [
        (language, text)
        for path in DOCUMENTS
        for language, text in re.findall(
            r"^```(java|scala)\n(.*?)^```$", path.read_text(), re.M | re.S
        )
    ]
    assert len(found) >= 5
    assert [text for language, text in found if text not in examples[language]] == []


def test_the_dependency_that_the_documents_name_is_that_of_a_project_which_is_built() -> None:
    (dependency,) = re.findall(r"^```xml\n(.*?)^```$", JVM, re.M | re.S)
    assert dependency in (ROOT / "clients/java/src/it/first-success/pom.xml").read_text()
