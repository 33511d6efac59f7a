"""The runs that the tests of the web interface and its screenshots show."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from runstream import TrackingClient
from runstream.v1.console_pb2 import CONSOLE_STREAM_STDERR, CONSOLE_STREAM_STDOUT, ConsoleLine

EXPERIMENT = "digits classifier"
SWEEP = [(0.3, "adam"), (0.1, "adam"), (0.03, "sgd"), (0.01, "sgd"), (0.003, "rmsprop")]
STEPS = 200
COMMIT = "9f3c1e7ad2b84065fe17c0a9d8b3462e5f70a1c4"

# The values of the run with unusual values.
POINTS = 5_000
SPIKE = 1_234
GAP = range(2_000, 2_500)
INFINITE = {3_000: math.inf, 3_001: -math.inf}

#: A name that would be a script if it was ever taken for markup.
MARKUP = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"

NOTES = f"""# Findings

The *first* run is **best**, see [the docs](https://example.org).

| lr | result |
|---|---|
| 0.3 | good |

{MARKUP}
<a href="javascript:document.title='broken'">a link</a>
"""

PAGE = """<!doctype html><title>report</title><h1>Report</h1>
<p id="out">scripts do not run</p>
<script>
document.getElementById("out").textContent = "scripts run";
fetch("/api/2.0/mlflow/experiments/search", {method: "POST", body: "{}"})
  .then(() => { document.getElementById("out").textContent = "reached the server"; })
  .catch(() => { document.getElementById("out").textContent += ", alone"; });
</script>
"""


@dataclass(frozen=True)
class Content:
    """What was logged.

    Attributes:
        experiment_id: the experiment.
        runs: ids of the runs of the sweep, in their order.
        parent: id of the run whose children they are, and that has all artifacts.
        edges: id of the run with NaN, infinities, a spike and a name that is markup.
        report: id of a report with charts of the sweep.
    """

    experiment_id: str
    runs: list[str]
    parent: str
    edges: str
    report: str


def log_content(uri: str) -> Content:
    """Log the runs to a server."""
    with TrackingClient(uri) as client:
        experiment = client.create_experiment(EXPERIMENT)
        parent = _run(client, experiment, "sweep", {"mlflow.note.content": NOTES})
        client.log_param(parent, "budget", str(len(SWEEP)))
        _store_files(client, parent)
        _write_console(client, parent)
        client.set_terminated(parent)
        runs = [_train(client, experiment, parent, i) for i in range(len(SWEEP))]
        edges = _log_edges(client, experiment)
        text = f"{NOTES}\n```runstream\nselected={runs[0]},{runs[1]}\n```\n"
        report = client.create_document(experiment, "report", "Findings", text).document_id
    return Content(experiment, runs, parent, edges, report)


def _run(client: TrackingClient, experiment: str, name: str, tags: dict[str, str]) -> str:
    tags = {"mlflow.user": "ada", "mlflow.source.name": "train.py", **tags}
    run_id: str = client.create_run(experiment, run_name=name, tags=tags).info.run_id
    return run_id


def _train(client: TrackingClient, experiment: str, parent: str, number: int) -> str:
    rate, optimizer = SWEEP[number]
    tags = {"mlflow.parentRunId": parent, "mlflow.source.git.commit": COMMIT}
    run = _run(client, experiment, f"{optimizer}-{rate}", tags)
    client.log_param(run, "lr", str(rate))
    client.log_param(run, "optimizer", optimizer)
    client.log_param(run, "layers", "3")
    random = np.random.default_rng(number)
    for step in range(STEPS):
        noise = random.normal(0, 0.02)
        for split, slack in (("train", 0.0), ("val", 0.08)):
            loss = math.exp(-step * rate / 20) + slack + noise + 0.1
            client.log_metric(run, f"{split}/loss", loss, step=step)
            client.log_metric(run, f"{split}/accuracy", 1 - loss / 2, step=step)
    client.log_metric(run, "epoch_seconds", 10.0 * (number + 1))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "summary.json").write_text(f'{{"lr": {rate}}}')
        Path(folder, "labels.txt").write_text("0\n1\n2\n")
        client.log_artifacts(run, folder)
    client.set_terminated(run, "FAILED" if number == len(SWEEP) - 1 else "FINISHED")
    return run


def _log_edges(client: TrackingClient, experiment: str) -> str:
    run = _run(client, experiment, MARKUP, {"tag": MARKUP})
    client.log_param(run, "note", MARKUP)
    for step in range(POINTS):
        wave = math.sin(step / 200) + 2
        client.log_metric(run, "spiky", 1_000.0 if step == SPIKE else wave, step=step)
        client.log_metric(run, "gappy", _gappy(step, wave), step=step)
    client.set_terminated(run)
    return run


def _gappy(step: int, wave: float) -> float:
    if step in INFINITE:
        return INFINITE[step]
    return math.nan if step in GAP else wave


def _write_console(client: TrackingClient, run: str) -> None:
    texts = [f"epoch {epoch}  \x1b[32mval_loss\x1b[0m {1 / (epoch + 1):.4f}" for epoch in range(50)]
    numbers = [*range(30, 38), *range(90, 98), *(f"38;5;{i}" for i in range(256))]
    texts += [f"\x1b[{number}mcolour {number}\x1b[0m" for number in numbers]
    lines = [
        ConsoleLine(stream=CONSOLE_STREAM_STDOUT, timestamp=i, text=text, writer=1, sequence=i)
        for i, text in enumerate(texts)
    ]
    lines += [
        ConsoleLine(stream=CONSOLE_STREAM_STDERR, text=text, writer=2, sequence=i)
        for i, text in enumerate(["Traceback (most recent call last):", f"ValueError: {MARKUP}"])
    ]
    client.buffer(run).log_console(lines)
    client.flush()


def _store_files(client: TrackingClient, run: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model").mkdir()
        (folder / "model" / "weights.bin").write_bytes(bytes(range(256)) * 64)
        (folder / "model" / "train.py").write_text("def train(lr):\n    return lr * 2  # twice\n")
        (folder / "config.json").write_text('{"lr": 0.1, "layers": [1, 2]}')
        (folder / "table.csv").write_text('name,score\n"a, b",1\nc,2\n')
        (folder / "report.html").write_text(PAGE)
        Image.new("RGB", (64, 48), (200, 30, 90)).save(folder / "picture.png")
        (folder / "tone.wav").write_bytes(_tone())
        client.log_artifacts(run, folder)


def _tone() -> bytes:
    """Return half a second of silence as a WAV file."""
    data = b"\x80" * 4_000
    head = (
        b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    )
    form = b"\x01\x00\x01\x00" + (8_000).to_bytes(4, "little") * 2 + b"\x01\x00\x08\x00"
    return head + form + b"data" + len(data).to_bytes(4, "little") + data


def delete_selected(page: Page) -> None:
    """Choose the deletion of the selected runs in their menu."""
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
