"""`runstream metrics` against a real server."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterator

import pytest

from runstream import Metric, TrackingClient
from runstream.cli.output import print_table
from support.server_process import ENVIRONMENT
from support.shell import COMMAND, Shell


@pytest.fixture
def run_id(client: TrackingClient) -> str:
    run_id = client.create_run().info.run_id
    points = [Metric("loss", 1 / (step + 1), 1_000 + step, step) for step in range(2000)]
    points[1234] = Metric("loss", 9.0, 2_234, 1234)  # a spike
    client.log_batch(run_id, [*points, Metric("odd", math.nan, 5, -1), Metric("odd", 2.0, 6, 7)])
    client.set_terminated(run_id)
    return run_id


def test_all_points_of_a_metric_are_shown(
    shell: Shell, client: TrackingClient, run_id: str
) -> None:
    shown = shell.json("metrics", "show", run_id, "loss")
    assert [Metric(**point) for point in shown] == client.get_metric_history(run_id, "loss")
    assert len(shell.rows("metrics", "show", run_id, "loss")) == 2001


def test_several_metrics_or_all_are_shown(shell: Shell, run_id: str) -> None:
    """M3."""
    odd = [
        {"key": "odd", "value": "NaN", "timestamp": 5, "step": -1},
        {"key": "odd", "value": 2.0, "timestamp": 6, "step": 7},
    ]
    assert shell.json("metrics", "show", run_id, "odd") == odd
    assert shell.json("metrics", "show", run_id)[-2:] == odd
    assert len(shell.json("metrics", "show", run_id, "loss", "odd")) == 2002
    head, first, second = shell.rows("metrics", "show", run_id, "odd")
    assert head == ["metric", "step", "time", "value"]
    assert (first[:2], first[3]) == (["odd", "-1"], "nan")
    assert (second[:2], second[3]) == (["odd", "7"], "2.0")
    assert (first[2][-4:], second[2][-4:]) == (".005", ".006")


def test_a_range_of_steps_is_shown(shell: Shell, run_id: str) -> None:
    shown = shell.json("metrics", "show", run_id, "--start-step", "5", "--end-step", "7")
    assert [(p["key"], p["step"]) for p in shown] == [
        ("loss", 5), ("loss", 6), ("loss", 7), ("odd", 7)
    ]  # fmt: skip


def test_a_thinned_history_keeps_its_spike(shell: Shell, run_id: str) -> None:
    shown = shell.json("metrics", "show", run_id, "loss", "--max-points", "100")
    assert len(shown) <= 100
    assert {0, 1234, 1999} <= {point["step"] for point in shown}


def test_the_status_says_what_is_wrong(shell: Shell, run_id: str) -> None:
    assert "f" * 32 in shell.refusal(3, "metrics", "show", "f" * 32)
    assert "'absent'" in shell.refusal(3, "metrics", "show", run_id, "loss", "absent")
    assert "--max-points" in shell.refusal(2, "metrics", "show", run_id, "--max-points", "9")


def test_a_reader_that_has_seen_enough_ends_the_command(client: TrackingClient) -> None:
    run_id = client.create_run().info.run_id
    steps = range(200_000)
    client.log_columns(run_id, "loss", steps, steps)
    client.set_terminated(run_id)
    for option in ("--table", "--json"):
        command = [*COMMAND, "metrics", "show", run_id, "loss", option]
        with subprocess.Popen(
            command,
            env=ENVIRONMENT | {"RUNSTREAM_TRACKING_URI": client.tracking_uri},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as shown:
            assert shown.stdout is not None
            assert shown.stderr is not None
            assert shown.stdout.readline()
            shown.stdout.close()
            assert shown.stderr.read() == b""
        assert shown.returncode == 141


def test_a_table_is_printed_while_its_rows_come(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []

    def rows() -> Iterator[tuple[str, str]]:
        for number in range(5_000):
            printed.append(capsys.readouterr().out)
            yield str(number), "x" * (1 + number // 4_000)

    print_table(("step", "value"), rows(), numbers=(0, 1))
    first = "".join(printed[:1_001]).splitlines()
    assert first[:2] == ["step  value", "   0      x"]
    assert len(first) == 1_000
    assert capsys.readouterr().out.splitlines()[-1] == "4999     xx"
