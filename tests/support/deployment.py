"""The files of examples/deployment: what they have, and their commands run here."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from runstream import TrackingClient, Unauthenticated
from runstream_service.cli.server import server as server_command
from support.ports import reserve_port
from support.server_process import ENVIRONMENT

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/deployment"
CONTAINERFILE = (FOLDER / "Containerfile").read_text()
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
KUBERNETES = [
    document
    for path in sorted((FOLDER / "kubernetes").glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
ALERTS = yaml.safe_load((FOLDER / "prometheus-alerts.yaml").read_text())["groups"][0]["rules"]
OPERATIONS = (ROOT / "docs/operations.md").read_text()

OPTIONS = {option.name: option for option in server_command.params}
VARIABLES = {str(option.envvar) for option in OPTIONS.values() if option.envvar}
PORTS = {"grpc": OPTIONS["port"].default, "http": OPTIONS["http_port"].default}


def read_unit(*parts: str) -> dict[str, list[str]]:
    """Return the settings of a unit of systemd, of which some stand there several times."""
    settings: dict[str, list[str]] = {}
    for line in FOLDER.joinpath("systemd", *parts).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


UNIT = read_unit("runstream.service")
POSTGRESQL_UNIT = read_unit("runstream.service.d", "postgresql.conf")
TLS_UNIT = read_unit("runstream.service.d", "tls.conf")


def unit_environment(unit: dict[str, list[str]]) -> dict[str, str]:
    return dict(text.split("=", 1) for text in unit["Environment"])


def read_instruction(name: str) -> Any:
    """Return the last instruction of this name, as JSON if it is in that form."""
    text = re.findall(rf"^{name} ((?:.*\\\n)*.*)$", CONTAINERFILE, re.M)[-1]
    return json.loads(text) if text.startswith("[") else text.replace("\\\n", " ")


IMAGE_ENVIRONMENT = dict(word.split("=", 1) for word in shlex.split(read_instruction("ENV")))


def kubernetes(kind: str, name: str = "runstream") -> Any:
    (found,) = [d for d in KUBERNETES if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


POD = kubernetes("Deployment")["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]


def documented(path: str, beginning: str) -> list[str]:
    """Return the words of the command in the comments of a file that begins so."""
    lines = re.findall(r"^# ?(.*)$", (FOLDER / path).read_text(), re.M)
    joined = "\n".join(lines).replace("\\\n", " ")
    (found,) = re.findall(rf"^ +({re.escape(beginning)} .*)$", joined, re.M)
    return shlex.split(found, comments=True)


def make_token(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run the command of a deployment that makes the first token; return the token."""
    assert command == ["runstream", "db", "create-token", "--user", "root"]
    made = subprocess.run(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        cwd=folder,
        env=ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.stdout.startswith("rst_"), made.stderr
    return made.stdout.strip()


def ask_who_calls(uri: str, token: str) -> None:
    """Assert that a server knows the token of root, and lets nobody else do anything."""
    with TrackingClient(uri, token=token) as root:
        caller = root.get_caller()
        assert (caller.user_name, caller.role) == ("root", "admin")
    with TrackingClient(uri) as nobody, pytest.raises(Unauthenticated):
        nobody.create_run()


@contextmanager
def served(
    command: list[str], folder: Path, environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], dict[str, int]]]:
    """Run a server of the deployment on free ports; yield its process and its ports by name."""
    ports = {"grpc": reserve_port(), "http": reserve_port()}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]],
        cwd=folder,
        env=ENVIRONMENT
        | environment
        | {"RUNSTREAM_PORT": str(ports["grpc"]), "RUNSTREAM_HTTP_PORT": str(ports["http"])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        assert re.search("listening on grpcs?://", greeting), process.communicate()[1]
        yield process, ports
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], seconds: float) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(seconds)
