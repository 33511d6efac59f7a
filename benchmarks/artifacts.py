"""How fast files are moved."""

from __future__ import annotations

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target

MEGABYTES = 1000


def throughput(bench: Bench) -> Measured:
    """`artifacts.throughput`: MB/s of one file of 1 GB by the client, the slower direction."""
    progress(f"{MEGABYTES:,} MB up and down")
    server = bench.runstream()
    server.job("artifact", megabytes=1)  # what the server imports at first use is no memory of it
    before = server.memory()
    result = server.job("artifact", megabytes=MEGABYTES)
    more = server.memory() - before
    bench.discard(server)
    rates = {"upload": MEGABYTES / result["upload"], "download": MEGABYTES / result["download"]}
    memory = {"server, more MB": more / 1e6, "client, more MB": result["memory"] / 1e6}
    return Measured(min(rates.values()), details=rates | memory)


FIGURES = (
    Figure(
        "artifacts.throughput",
        "MB/s",
        throughput,
        (
            Target("300 MB/s each way", lambda m: m.ours >= 300),
            Target("server under 100 MB more", lambda m: m.details["server, more MB"] < 100),
            Target("client under 100 MB more", lambda m: m.details["client, more MB"] < 100),
        ),
    ),
)
