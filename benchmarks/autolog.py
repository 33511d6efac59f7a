"""What autologging takes from a training."""

from __future__ import annotations

import sys
from dataclasses import replace

from benchmarks import peers
from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server

MODELS = 200
PEER_MODELS = 20
ROUNDS = 3

_WORKER = ("-m", "benchmarks.workers.autolog")


def sklearn(bench: Bench) -> Measured:
    """`autolog.sklearn`: milliseconds that a fit of a small model takes longer with autologging."""
    ours, delivered, without = [], [], []
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        server = bench.runstream()
        driven = replace(server, worker=(sys.executable, *_WORKER))
        plain, _ = _milliseconds(driven, "", MODELS)
        fit, all_there = _milliseconds(driven, "runstream", MODELS)
        without.append(plain)
        ours.append(fit - plain)
        delivered.append(all_there - plain)
        bench.discard(server)
    progress("mlflow")
    python = str(peers.installed("mlflow", peers.PEERS["mlflow"].requirements) / "python")
    driven = replace(bench.peer("mlflow"), worker=(python, *_WORKER))
    plain, _ = _milliseconds(driven, "", MODELS)
    fit, _ = _milliseconds(driven, "mlflow", PEER_MODELS)
    return Measured(
        min(ours),
        {"mlflow": fit - plain},
        {"a fit without, ms": min(without), "until all is at the server, ms": min(delivered)},
    )


def _milliseconds(server: Server, library: str, count: int) -> tuple[float, float]:
    """Return the milliseconds of a fit, and those until all of it is at the server."""
    fits, delivered = server.job("fits", library=library, count=count)
    return fits / count * 1e3, delivered / count * 1e3


FIGURES = (
    Figure(
        "autolog.sklearn",
        "ms",
        sklearn,
        (
            Target("5 ms", lambda m: m.ours < 5),
            Target("a tenth of MLflow", lambda m: 10 * m.ours <= m.peers["mlflow"]),
        ),
    ),
)
