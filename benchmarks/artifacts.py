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
    rates = {way: MEGABYTES / result[way] for way in ("upload", "download")}
    memory = {"server, more MB": more / 1e6, "client, more MB": result["memory"] / 1e6}
    peers = {"one process that reads, hashes and writes": MEGABYTES / result["copy"]}
    return Measured(min(rates.values()), peers, rates | memory)


FIGURES = (
    Figure(
        "artifacts.throughput",
        "MB/s",
        throughput,
        (
            Target("0.7 of one plain process", lambda m: m.ours >= 0.7 * min(m.peers.values())),
            Target("server under 100 MB more", lambda m: m.details["server, more MB"] < 100),
            Target("client under 100 MB more", lambda m: m.details["client, more MB"] < 100),
        ),
    ),
)
