"""The programs of the README in languages that have no client, generated, built and run."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runstream import TrackingClient
from support.server_process import ServerProcess

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract with its imports, which buf would fetch from its registry."""
    image = tmp_path_factory.mktemp("contract") / "contract.binpb"
    runpy.run_path(str(ROOT / "proto/lint.py"))["write_image"](ROOT / "proto", image)
    return image


@pytest.mark.timeout(600)  # Go compiles gRPC and the generators, once
@pytest.mark.parametrize("language", ["go", "typescript"])
def test_a_run_is_logged_as_the_readme_says(
    language: str, contract: Path, server: ServerProcess, tmp_path: Path
) -> None:
    if language == "go" and shutil.which("go") is None:
        pytest.skip("Go is not here")
    folder = tmp_path / language
    unwanted = shutil.ignore_patterns("node_modules", "gen")
    shutil.copytree(ROOT / "examples" / language, folder, ignore=unwanted)
    *_, said = (run(command, folder) for command in commands(language, contract, server))
    run_id, result = said.split(":")
    assert result == " loss 0.0033333333333333335 at 299\n"
    with TrackingClient(server.uri) as client:
        assert client.get_run(run_id).info.status == "FINISHED"
        history = client.get_metric_history(run_id, "loss")
    assert [(point.step, point.value) for point in history] == [
        (step, 1 / (step + 1)) for step in range(300)
    ]


def commands(language: str, contract: Path, server: ServerProcess) -> list[str]:
    """Return the commands of the README, against this server."""
    (block,) = re.findall(
        rf"^```console\n\$ cd examples/{language}\n(.*?)^```$",
        (ROOT / "README.md").read_text(),
        re.M | re.S,
    )
    said = block.replace("../../proto", f"{contract} --path runstream")
    return [
        line.removeprefix("$ ")
        for line in said.replace("127.0.0.1:50051", server.address).splitlines()
    ]


def run(command: str, folder: Path) -> str:
    # Node is that of the environment, and buf that of `make lint`.
    tools = (Path(sys.executable).parent, ROOT / "proto/node_modules/.bin")
    path = os.pathsep.join([*map(str, tools), os.environ["PATH"]])
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
