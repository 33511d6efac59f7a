"""What it costs that a server knows its callers, and that what they say is encrypted."""

from __future__ import annotations

import dataclasses
import statistics
import sys
from pathlib import Path

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import ROOT, Server

sys.path.append(str(ROOT / "tests"))  # certificates are issued as the tests issue them
from support.tls import CertificateFolder

ROUNDS = 5
CALLS = 1_000
POINTS = 1_000_000
KEYS = 10
BATCH = 1_000

RUNS = 100_000
EXPERIMENTS = 10  # of which somebody sees one


def unary(bench: Bench) -> Measured:
    """`auth.unary`: how many times longer a durable call takes with a token over TLS."""
    plain, guarded = bench.runstream(), _guarded(bench)
    times: dict[str, list[float]] = {"plain": [], "guarded": []}
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        times["plain"] += plain.job("log", calls=CALLS)
        times["guarded"] += guarded.job("log", calls=CALLS)
    bench.discard(plain)
    bench.discard(guarded)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    details = {f"{name}, ms": seconds * 1e3 for name, seconds in medians.items()}
    return Measured(medians["guarded"] / medians["plain"], details=details)


def stream(bench: Bench) -> Measured:
    """`auth.stream`: how many times longer a million points take with a token over TLS."""
    plain, guarded = bench.runstream(), _guarded(bench)
    best = {"plain": float("inf"), "guarded": float("inf")}
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        for name, server in (("plain", plain), ("guarded", guarded)):
            seconds = server.job("log_batch", points=POINTS, keys=KEYS, size=BATCH)
            best[name] = min(best[name], seconds)
    bench.discard(plain)
    bench.discard(guarded)
    details = {f"{name}, s": seconds for name, seconds in best.items()}
    return Measured(best["guarded"] / best["plain"], details=details)


def search(bench: Bench) -> Measured:
    """`auth.search`: how many times longer searches take as one who sees a tenth, at worst."""
    server = dataclasses.replace(
        bench.runstream(), worker=(sys.executable, "-m", "benchmarks.workers.ours_search")
    )
    experiments = _as(server, "").job("create_experiments", count=EXPERIMENTS)
    progress(f"filling runstream with {RUNS:,} runs")
    server.job("fill", count=RUNS, experiment_ids=experiments)
    root = _as(server, _as(server, "").job("create_token", user_name="root", role="admin"))
    few = _as(server, root.job("create_token", user_name="few", role="reader"))
    root.job("grant", experiment_id=experiments[0], grantee="user:few", role="reader")
    progress("searching")
    searches = {"count": RUNS, "experiment_ids": experiments}
    admin, some = (
        dataclasses.replace(of, worker=server.worker).job("search_as", **searches)
        for of in (root, few)
    )
    bench.discard(server)
    times = {name: some[name] / admin[name] for name in admin}
    details = {f"{name}, times": ratio for name, ratio in times.items()}
    details |= {f"{name} as admin, ms": seconds * 1e3 for name, seconds in admin.items()}
    return Measured(max(times.values()), details=details)


def _guarded(bench: Bench) -> Server:
    """Start a server with TLS; return it with the environment of a writer with a token."""
    certificates = CertificateFolder(bench.new_directory("certificates"))
    files = certificates.issue("server", "127.0.0.1", "localhost")
    options = ["--tls-cert", files["cert"], "--tls-key", files["key"]]
    server = _trusting(bench.runstream(options=options), certificates.ca)
    root = _as(server, _as(server, "").job("create_token", user_name="root", role="admin"))
    experiment = "0"  # where the jobs log
    root.job("grant", experiment_id=experiment, grantee="user:ada", role="writer")
    token = root.job("create_token", user_name="ada", role="writer")
    return dataclasses.replace(server, environment={**server.environment, "RUNSTREAM_TOKEN": token})


def _trusting(server: Server, ca: Path) -> Server:
    return dataclasses.replace(server, environment={"RUNSTREAM_CA": str(ca)})


def _as(server: Server, token: str) -> Server:
    """Return a server as it is managed by the user of a token."""
    environment = {**server.environment, **({"RUNSTREAM_TOKEN": token} if token else {})}
    worker = (sys.executable, "-m", "benchmarks.workers.access")
    return dataclasses.replace(server, environment=environment, worker=worker)


FIGURES = (
    Figure(
        "auth.unary", "times", unary, (Target("at most 15 % slower", lambda m: m.ours <= 1.15),)
    ),
    Figure(
        "auth.stream", "times", stream, (Target("at most 5 % slower", lambda m: m.ours <= 1.05),)
    ),
    Figure(
        "auth.search",
        "times",
        search,
        (Target("not slower than an admin", lambda m: m.ours <= 1),),
    ),
)
