"""The lines of the README by which a server is secured, as somebody follows them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.errors import Unauthenticated
from support.ports import reserve_port
from support.server_process import ENVIRONMENT

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.partition("## Securing a server\n")[2].partition("\n## ")[0]


def lines(block: str) -> list[str]:
    """Return the commands of a block of the section, each in one line."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_the_lines_of_the_readme_secure_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, admin = (lines(block) for block in re.findall(r"```sh\n(.*?)```", SECTION, re.S))
    port, http = str(reserve_port()), str(reserve_port())
    places = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment = ENVIRONMENT | places | {"RUNSTREAM_PORT": port, "RUNSTREAM_HTTP_PORT": http}
    token, certificate, serve = first
    root = run(token, tmp_path, environment)
    run(certificate, tmp_path, environment)
    command = ["bash", "-c", f"exec {serve}"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            assert b"listening on grpcs://0.0.0.0:" in server.stdout.readline()
            here = "\n".join(admin).replace("rst_...", root)
            here = here.replace("ml.example.org:50051", f"localhost:{port}")
            ada = run(here, tmp_path, ENVIRONMENT | places).splitlines()[-1]
            monkeypatch.setenv("RUNSTREAM_CA", str(tmp_path / "server.pem"))
            uri = f"grpcs://localhost:{port}"
            with TrackingClient(uri, token=ada) as client:
                experiment = client.get_experiment_by_name("demo")
                assert experiment is not None
                run_id = client.create_run(experiment.experiment_id).info.run_id
                client.log_metric(run_id, "loss", 0.5)
                client.set_terminated(run_id)
                assert client.get_run(run_id).data.metrics == {"loss": 0.5}
            with TrackingClient(uri) as nobody, pytest.raises(Unauthenticated):
                nobody.get_run(run_id)
        finally:
            server.terminate()
            errors = server.communicate(timeout=30)[1]
    assert errors == b""
