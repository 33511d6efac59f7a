"""The R client: checked as a package, and programs that use it (docs/r.md)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from runstream import TrackingClient
from support.access import create_tokens
from support.server_process import ENVIRONMENT, ServerProcess
from support.tls import CertificateFolder
from support.vectors import KEYS, VECTORS, check_vectors, log_vectors

DOCUMENT = Path(__file__).parents[2] / "docs/r.md"
VECTOR_FILE = Path(__file__).parents[1] / "support/vectors.json"

# What a check would ask of other machines, or of programs that make PDF and HTML.
CHECKS = {
    "_R_CHECK_FORCE_SUGGESTS_": "false",
    "_R_CHECK_CRAN_INCOMING_": "false",
    "_R_CHECK_SYSTEM_CLOCK_": "0",
    "R_QPDF": "true",
    "_R_CHECK_RD_VALIDATE_RD2HTML_": "false",
}

RunR = Callable[..., str]


def test_the_package_is_checked_without_a_complaint(
    package: Path, server: ServerProcess, tmp_path: Path
) -> None:
    """Its own tests and its vignette run in the check, against a real server."""
    (tmp_path / "src/contrib").mkdir(
        parents=True
    )  # a repository without packages, in place of CRAN
    (tmp_path / "src/contrib/PACKAGES").touch()
    (tmp_path / "profile.R").write_text(f'options(repos = c(CRAN = "file://{tmp_path}"))\n')
    checked = subprocess.run(
        ["R", "CMD", "check", "--as-cran", "--no-manual", package],
        cwd=tmp_path,
        env=ENVIRONMENT
        | CHECKS
        | {
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "R_PROFILE_USER": str(tmp_path / "profile.R"),
            "RUNSTREAM_TRACKING_URI": server.http,
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    results = "\n".join(
        path.read_text() for path in (tmp_path / "runstream.Rcheck/tests").glob("*.Rout*")
    )
    assert "Status: OK" in checked.stdout, checked.stdout + results
    assert re.search(r"\[ FAIL 0 \| WARN 0 \| SKIP 0 \| PASS \d{2,} \]", results), results
    with TrackingClient(server.uri) as client:
        found = client.get_experiment_by_name("cars")
        assert found is not None  # the vignette has been run
        assert len(list(client.search_runs([found.experiment_id]))) >= 3


def test_r_and_python_read_what_the_other_logs_to_the_last_bit(
    server: ServerProcess, run_r: RunR
) -> None:
    variables = {"RUNSTREAM_TRACKING_URI": server.http}
    with TrackingClient(server.uri) as client:
        check_vectors(client, run_r("vectors.R", "log", str(VECTOR_FILE), **variables))
        run_r("vectors.R", "check", str(VECTOR_FILE), log_vectors(client), **variables)


def test_keys_are_those_of_all_clients(server: ServerProcess, run_r: RunR, tmp_path: Path) -> None:
    refused = [key for key in KEYS["refused"] if "\0" not in key]  # which no text of R has
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"allowed": KEYS["allowed"], "refused": refused}))
    run_id = run_r("keys.R", str(keys), RUNSTREAM_TRACKING_URI=server.http)
    with TrackingClient(server.uri) as client:
        data = client.get_run(run_id).data
        assert sorted(data.metrics) == sorted(data.params) == sorted(VECTORS["keys"]["allowed"])


def test_points_of_an_outage_are_kept_and_stored_once(
    server: ServerProcess, start_r: Callable[..., subprocess.Popen[str]]
) -> None:
    with start_r("outage.R", RUNSTREAM_TRACKING_URI=server.http) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        run_id = process.stdout.readline().strip()
        server.kill()
        print(file=process.stdin, flush=True)
        assert process.stdout.readline() == "logged\n"
        server.restart()
        print(file=process.stdin, flush=True)
        assert process.stdout.readline().strip() == "ended"
        process.stdin.close()
        told = process.stderr.read()
    assert told.count("cannot be reached") == 1, told
    assert "points of run" in told
    with TrackingClient(server.uri) as client:
        history = client.get_metric_history(run_id, "loss")
        assert [(p.step, p.value) for p in history] == [(i, 1 / i) for i in range(1, 4001)]
        assert client.get_run(run_id).info.status == "FINISHED"


def test_what_could_not_be_sent_is_named(
    server: ServerProcess, start_r: Callable[..., subprocess.Popen[str]]
) -> None:
    variables = {"RUNSTREAM_TRACKING_URI": server.http, "DEADLINE": "1"}
    with start_r("outage.R", **variables) as process:
        assert process.stdin
        assert process.stdout
        run_id = process.stdout.readline().strip()
        server.kill()
        print(file=process.stdin, flush=True)
        assert process.stdout.readline() == "logged\n"
        print(file=process.stdin, flush=True)
        message = process.stdout.readline()
        process.communicate(timeout=60)
    assert f"2000 points of run {run_id} are not stored: loss" in message


def test_a_run_that_is_left_open_ends_as_its_program(server: ServerProcess, run_r: RunR) -> None:
    endings = {
        "try(stop('caught'), silent = TRUE)": (0, "FINISHED"),
        "f <- function() stop('on purpose'); f()": (1, "FAILED"),
        "unknown_name": (1, "FAILED"),
        "with(runstream_start_run(nested = TRUE), stop('inside'))": (1, "FAILED"),
    }
    with TrackingClient(server.uri) as client:
        for code, (exit_status, run_status) in endings.items():
            start = "r <- runstream_start_run(); runstream_log_metric('a', 1); cat(r$run_id, '\\n')"
            out = run_r(f"{start}\n{code}", status=exit_status, RUNSTREAM_TRACKING_URI=server.http)
            run = client.get_run(out.split()[0])
            assert (run.info.status, run.data.metrics) == (run_status, {"a": 1}), code


def test_a_program_that_is_launched_logs_to_its_run(server: ServerProcess, run_r: RunR) -> None:
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        run_r(
            "runstream_log_param('a', 1)",
            RUNSTREAM_TRACKING_URI=server.uri,  # the form of the Python client
            MLFLOW_TRACKING_URI=server.http,
            RUNSTREAM_RUN_ID=run_id,
        )
        assert client.get_run(run_id).data.params == {"a": "1"}


def test_a_token_says_who_calls(server: ServerProcess, run_r: RunR, tmp_path: Path) -> None:
    token = create_tokens(server.address)["ada"]
    (tmp_path / "token").write_text(f"{token}\n")
    code = (
        "r <- tryCatch(runstream_search_runs(), runstream_unauthenticated = function(e) 'unknown')"
        "\ncat(class(r))"
    )
    variables = {"RUNSTREAM_TRACKING_URI": server.http}
    assert run_r(code, **variables) == "character"
    assert run_r(code, RUNSTREAM_TOKEN=token, **variables) == "data.frame"
    assert run_r(code, RUNSTREAM_TOKEN_FILE=str(tmp_path / "token"), **variables) == "data.frame"


def test_a_server_is_trusted_by_its_authority(
    start_server: Callable[..., ServerProcess], run_r: RunR, tmp_path: Path
) -> None:
    certificates = CertificateFolder(tmp_path / "certificates")
    server = start_server(RUNSTREAM_HTTP_PORT="0", **certificates.server())
    code = (
        "r <- tryCatch(runstream_search_runs(), runstream_unavailable = function(e) 'untrusted')"
        "\ncat(class(r))"
    )
    variables = {"RUNSTREAM_TRACKING_URI": server.http}
    assert run_r(code, **variables) == "character"
    assert run_r(code, RUNSTREAM_CA=str(certificates.ca), **variables) == "data.frame"


def test_the_code_of_the_document_runs(server: ServerProcess, run_r: RunR, tmp_path: Path) -> None:
    (code,) = re.findall(r"^```r\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    (tmp_path / "document.R").write_text(code)
    out = run_r(str(tmp_path / "document.R"), RUNSTREAM_TRACKING_URI=server.http)
    assert "FINISHED" in out
