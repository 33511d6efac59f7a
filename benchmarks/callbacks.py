"""What loggers and callbacks take from a training."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import peers
from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import ROOT, Server

STEPS = 2_000
ROUNDS = 5


def lightning(bench: Bench) -> Measured:
    """`callback.lightning`: seconds of a training that logs each step."""
    return _compare(bench, "lightning")


def transformers(bench: Bench) -> Measured:
    """`callback.transformers`: seconds of a training that logs each step."""
    return _compare(bench, "transformers")


def _compare(bench: Bench, framework: str) -> Measured:
    progress("mlflow")
    peer = _driven(bench.peer("mlflow")).job(framework, logger="mlflow", steps=STEPS, rounds=1)
    progress("runstream")
    server = bench.runstream()
    ours = _driven(server).job(framework, logger="ours", steps=STEPS, rounds=ROUNDS)
    bench.discard(server)
    best = {name: min(times) for name, times in ours.items()}
    return Measured(
        best["logged"],
        {"no logger": best["none"], "mlflow": min(peer["logged"])},
        {
            "over no logger, %": 100 * (best["logged"] / best["none"] - 1),
            "over one that drops, %": 100 * (best["logged"] / best["dropped"] - 1),
            "processor time over no logger, %": 100 * (best["logged, cpu"] / best["none, cpu"] - 1),
        },
    )


def _driven(server: Server) -> Server:
    binaries = peers.installed("frameworks", peers.FRAMEWORK_REQUIREMENTS)
    path = {"PYTHONPATH": str(ROOT / "clients/python"), **peers.ENVIRONMENT}
    worker = (str(binaries / "python"), "-m", "benchmarks.workers.callbacks")
    return replace(server, worker=worker, environment=path)


FIGURES = (
    Figure(
        "callback.lightning",
        "s",
        lightning,
        (Target("3 % over no logger", lambda m: m.ours <= 1.03 * m.peers["no logger"]),),
    ),
    Figure(
        "callback.transformers",
        "s",
        transformers,
        (Target("3 % over no logger", lambda m: m.ours <= 1.03 * m.peers["no logger"]),),
    ),
)
