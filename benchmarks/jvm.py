"""The Java client, beside MLflow's own Java client."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import cache

from benchmarks.bench import Bench, progress
from benchmarks.figure import Figure, Measured, Target
from benchmarks.server import ROOT, Server

POINTS = 20_000
MLFLOW_POINTS = 2_000  # its rate does not depend on it
MANY_POINTS = 1_000_000
CALLS = 200_000
RUNS = 1_000
MLFLOW_RUNS = 100
ROUNDS = 3

_BUILT = ROOT / "benchmarks/java/target"


def log_metric(bench: Bench) -> Measured:
    """`java.log_metric`: points/s of one `logMetric` a point, to the last answer."""
    ours, mlflow = [], []
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        ours.append(_rate(bench, POINTS))
        seconds = _driven(bench.peer("mlflow")).job("log_mlflow", number=MLFLOW_POINTS)
        mlflow.append(MLFLOW_POINTS / seconds)
    return Measured(max(ours), {"mlflow": max(mlflow)})


def ingest(bench: Bench) -> Measured:
    """`java.ingest`: the same with a million points."""
    rates = []
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        rates.append(_rate(bench, MANY_POINTS))
    return Measured(max(rates))


def call(bench: Bench) -> Measured:
    """`java.call`: microseconds of a call of `logMetric`, by JMH."""
    server = bench.runstream()
    nanoseconds = _driven(server).job("call", number=CALLS)
    bench.discard(server)
    return Measured(nanoseconds / 1000)


def runs(bench: Bench) -> Measured:
    """`java.runs`: runs/s started, filled and ended by one client in one thread."""
    ours, mlflow = [], []
    for number in range(ROUNDS):
        progress(f"round {number + 1} of {ROUNDS}")
        server = bench.runstream()
        ours.append(RUNS / _driven(server).job("runs", number=RUNS))
        bench.discard(server)
        seconds = _driven(bench.peer("mlflow")).job("runs_mlflow", number=MLFLOW_RUNS)
        mlflow.append(MLFLOW_RUNS / seconds)
    return Measured(max(ours), {"mlflow": max(mlflow)})


def _rate(bench: Bench, points: int) -> float:
    server = bench.runstream()
    seconds = _driven(server).job("log", number=points)
    bench.discard(server)
    return float(points / seconds)


def _driven(server: Server) -> Server:
    """Return the server with a JVM as its worker."""
    return replace(server, worker=jvm_command("Jobs"))


def jvm_command(program: str) -> tuple[str, ...]:
    """Return what starts a class of benchmarks/java, which is built first."""
    jars = f"{_BUILT}/runstream-benchmarks-0.1.0.jar:{_BUILT}/lib/*"
    return (_java(), "-cp", jars, f"io.runstream.benchmarks.{program}")


@cache
def _java() -> str:
    """Build the worker, and return the path of java."""
    java = shutil.which("java")
    if java is None or shutil.which("mvn") is None:
        raise RuntimeError("the figures of the Java client need a JDK and Maven")
    progress("building the Java client")
    # The formats of the sources and their documentation are checked elsewhere.
    skipped = ("-DskipTests", "-Dmaven.javadoc.skip", "-Dmaven.source.skip", "-Dspotless.skip")
    module = ("-Pbenchmarks", "--projects", "../benchmarks/java", "--also-make")
    maven = ("mvn", "--quiet", "--batch-mode", "--file", str(ROOT / "clients/pom.xml"))
    subprocess.run([*maven, *module, *skipped, "package"], check=True)
    return java


FIGURES = (
    Figure(
        "java.log_metric",
        "points/s",
        log_metric,
        (Target("100 times MLflow's Java client", lambda m: m.ours >= 100 * m.peers["mlflow"]),),
    ),
    Figure(
        "java.ingest",
        "points/s",
        ingest,
        (Target("400,000 points/s", lambda m: m.ours >= 400_000),),
    ),
    Figure(
        "java.call",
        "µs",
        call,
        (Target("under 1 µs", lambda m: m.ours < 1),),
    ),
    Figure(
        "java.runs",
        "runs/s",
        runs,
        (Target("30 times MLflow's Java client", lambda m: m.ours >= 30 * m.peers["mlflow"]),),
    ),
)
