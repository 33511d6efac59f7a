"""The package for TypeScript: packed, installed into another program, checked and run."""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from support.server_process import ServerProcess
from support.stubs import BUF, CONTRACT, ROOT, SecuredServer, Workshop

PACKAGE = json.loads((ROOT / "clients/typescript/package.json").read_text())
GOOGLE = ["google/api/annotations", "google/api/http", "google/rpc/error_details"]


@pytest.fixture(scope="module")
def workshop(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The package, made."""
    folder = tmp_path_factory.mktemp("typescript") / "package"
    workshop = Workshop("TypeScript", image, folder, Path(sys.executable).parent, BUF)
    workshop.follow_document()
    return workshop


@pytest.fixture(scope="module")
def program(workshop: Workshop) -> Path:
    """The folder of a program of its own, with the package installed."""
    folder = workshop.folder.parent / "program"
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    shutil.copytree(workshop.folder / "example", folder / "example")
    shutil.copy(workshop.folder / "tsconfig.json", folder)
    needed = PACKAGE["devDependencies"].items()
    names = " ".join(f"{name}@{version}" for name, version in needed if "bufbuild" not in name)
    options = "--silent --ignore-scripts --no-audit --no-fund --prefer-offline"
    workshop.run(f"npm install {options} {packed(workshop)} {names}", folder)
    return folder


def packed(workshop: Workshop) -> Path:
    (archive,) = workshop.folder.glob("*.tgz")
    return archive


def test_the_package_has_what_the_contract_says_and_nothing_else(workshop: Workshop) -> None:
    with tarfile.open(packed(workshop)) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    stems = [*(f"runstream/v1/{name}" for name in CONTRACT), *GOOGLE]
    generated = {f"gen/{stem}_pb.{kind}" for stem in stems for kind in ("js", "d.ts")}
    assert names == generated | {"LICENSE", "README.md", "package.json"}


def test_a_program_that_has_the_package_is_strictly_typed(
    workshop: Workshop, program: Path
) -> None:
    workshop.run("npx --no-install tsc", program)
    example = program / "example/log_run.ts"
    wrong = program / "example/wrong.ts"
    wrong.write_text(example.read_text().replace("getRun({ runId })", "getRun({ runID: runId })"))
    try:
        status, said, _ = workshop.attempt("npx --no-install tsc", program)
    finally:
        wrong.unlink()
    assert status != 0
    assert "wrong.ts" in said
    assert "log_run.ts" not in said


def test_the_example_logs_a_run_over_tls_with_a_token(
    workshop: Workshop, program: Path, secured: SecuredServer
) -> None:
    said = workshop.run(
        f"node --no-warnings example/log_run.ts {secured.uri}", program, **secured.variables
    )
    secured.check_logged(said)


def test_the_example_says_the_reason_of_an_error(
    workshop: Workshop, program: Path, server: ServerProcess
) -> None:
    command = f"node --no-warnings example/log_run.ts {server.uri} 4711"
    status, _, said = workshop.attempt(command, program)
    assert status == 1
    reason, metadata = said.removeprefix("refused: ").split(" ", 1)
    assert reason == "EXPERIMENT_NOT_FOUND"
    assert json.loads(metadata) == {"field": "experiment_id", "value": "4711"}
