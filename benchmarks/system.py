"""What system metrics take from a training."""

from __future__ import annotations

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import Server

SECONDS = 30


def cpu(bench: Bench) -> Measured:
    """`system.cpu`: percent of a core that system metrics take at one sample a second."""
    progress("mlflow")
    peer, _ = _shares(bench.peer("mlflow"))
    server = bench.runstream()
    ours, without = _shares(server)
    bench.discard(server)
    return Measured(ours, {"mlflow": peer}, {"the process without them, %": without})


def _shares(server: Server) -> tuple[float, float]:
    """Return the percent of a core that they take, and that the process takes without them."""
    jobs = [
        server.begin("system_metrics", enabled=enabled, seconds=SECONDS)
        for enabled in (True, False)
    ]
    enabled, without = (100 * float(job.result()) for job in jobs)
    return enabled - without, without


FIGURES = (
    Figure(
        "system.cpu",
        "%",
        cpu,
        (Target("0.5 % of a core", lambda m: m.ours <= 0.5),),
    ),
)
