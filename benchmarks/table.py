"""The table of figures: what is measured, in which unit, and what it must reach."""

from __future__ import annotations

from benchmarks import (
    artifacts,
    autolog,
    callbacks,
    calls,
    disk,
    history,
    imports,
    ingest,
    jvm,
    plugin,
    rest,
    runs,
    search,
    streams,
    system,
    watch,
    web,
)
from benchmarks.figure import Figure, Target

FIGURES = (
    Figure(
        "ingest.batch",
        "points/s",
        ingest.batch,
        (
            Target("65 times MLflow", lambda m: m.ours >= 65 * m.peers["mlflow"]),
            Target("10 times FastTrackML", lambda m: m.ours >= 10 * m.peers["fasttrackml"]),
            Target("0.9 of executemany", lambda m: m.ours >= 0.9 * m.peers["executemany"]),
        ),
    ),
    Figure(
        "ingest.log_metric",
        "points/s",
        ingest.log_metric,
        (Target("400,000 points/s", lambda m: m.ours >= 400_000),),
    ),
    Figure(
        "call.log_metric",
        "µs",
        calls.log_metric,
        (
            Target("median 1 µs", lambda m: m.ours <= 1),
            Target("p99 10 µs", lambda m: m.details["p99"] <= 10),
        ),
    ),
    Figure(
        "example.keras_history",
        "ms",
        calls.keras_history,
        (
            Target(
                "90 times faster than MLflow's 200 calls",
                lambda m: 90 * m.ours <= m.peers["mlflow, 200 calls"],
            ),
            Target(
                "faster than MLflow's one log_batch",
                lambda m: m.ours < m.peers["mlflow, one log_batch"],
            ),
        ),
    ),
    Figure(
        "autolog.sklearn",
        "ms",
        autolog.sklearn,
        (
            Target("5 ms", lambda m: m.ours < 5),
            Target("a tenth of MLflow", lambda m: 10 * m.ours <= m.peers["mlflow"]),
        ),
    ),
    Figure(
        "plugin.log_metric",
        "µs",
        plugin.log_metric,
        (Target("20 times faster than MLflow", lambda m: 20 * m.ours <= m.peers["mlflow"]),),
    ),
    Figure(
        "callback.lightning",
        "s",
        callbacks.lightning,
        (Target("3 % over no logger", lambda m: m.ours <= 1.03 * m.peers["no logger"]),),
    ),
    Figure(
        "callback.transformers",
        "s",
        callbacks.transformers,
        (Target("3 % over no logger", lambda m: m.ours <= 1.03 * m.peers["no logger"]),),
    ),
    Figure(
        "unary.log",
        "ms",
        calls.unary_log,
        (Target("median under 1.5 ms", lambda m: m.ours < 1.5),),
    ),
    Figure(
        "system.cpu",
        "%",
        system.cpu,
        (Target("0.5 % of a core", lambda m: m.ours <= 0.5),),
    ),
    Figure(
        "runs.create",
        "runs/s",
        runs.create,
        (Target("3 times FastTrackML", lambda m: m.ours >= 3 * m.peers["fasttrackml"]),),
    ),
    Figure(
        "history.read",
        "points/s",
        history.read,
        (Target("10 times FastTrackML", lambda m: m.ours >= 10 * m.peers["fasttrackml"]),),
    ),
    Figure(
        "history.buckets",
        "ms",
        history.buckets,
        (Target("under 400 ms", lambda m: m.ours < 400),),
    ),
    Figure(
        "search.page",
        "ms",
        search.page,
        (Target("half of FastTrackML", lambda m: 2 * m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "search.filter",
        "ms",
        search.selective,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "search.tag",
        "ms",
        search.tag,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "search.at_100k",
        "times",
        search.at_100k,
        (Target("3 times the time at 2,000", lambda m: m.ours <= 3),),
    ),
    Figure(
        "search.deep_page",
        "times",
        search.deep_page,
        (Target("page 90 as page 1", lambda m: m.ours <= 1.25),),
    ),
    Figure(
        "watch.latency",
        "ms",
        watch.latency,
        (Target("median under 20 ms", lambda m: m.ours < 20),),
    ),
    Figure(
        "artifacts.throughput",
        "MB/s",
        artifacts.throughput,
        (
            Target("300 MB/s each way", lambda m: m.ours >= 300),
            Target("server under 100 MB more", lambda m: m.details["server, more MB"] < 100),
            Target("client under 100 MB more", lambda m: m.details["client, more MB"] < 100),
        ),
    ),
    Figure(
        "rest.log_metric",
        "ms",
        rest.log_metric,
        (
            Target("below FastTrackML's", lambda m: m.ours < m.peers["fasttrackml"]),
            Target("a fifth of MLflow's", lambda m: m.ours <= m.peers["mlflow"] / 5),
        ),
    ),
    Figure(
        "rest.log_batch",
        "points/s",
        rest.log_batch,
        (
            Target("above FastTrackML's", lambda m: m.ours > m.peers["fasttrackml"]),
            Target("8 times MLflow's", lambda m: m.ours >= 8 * m.peers["mlflow"]),
        ),
    ),
    Figure(
        "rest.search",
        "ms",
        rest.search,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "rest.history",
        "ms",
        rest.history,
        (Target("not slower than FastTrackML", lambda m: m.ours <= m.peers["fasttrackml"]),),
    ),
    Figure(
        "import.mlflow",
        "points/s",
        imports.mlflow,
        (Target("100,000 points/s", lambda m: m.ours >= 100_000),),
    ),
    Figure(
        "java.log_metric",
        "points/s",
        jvm.log_metric,
        (Target("100 times MLflow's Java client", lambda m: m.ours >= 100 * m.peers["mlflow"]),),
    ),
    Figure(
        "java.ingest",
        "points/s",
        jvm.ingest,
        (Target("400,000 points/s", lambda m: m.ours >= 400_000),),
    ),
    Figure(
        "java.call",
        "µs",
        jvm.call,
        (Target("under 1 µs", lambda m: m.ours < 1),),
    ),
    Figure(
        "web.table_paint",
        "s",
        web.table_paint,
        (
            Target("under 1.5 s", lambda m: m.ours < 1.5),
            Target("5 times faster than MLflow", lambda m: 5 * m.ours <= m.peers["mlflow"]),
        ),
    ),
    Figure(
        "web.bytes",
        "kB",
        web.sent_bytes,
        (Target("under 200 kB", lambda m: m.ours < 200),),
    ),
    Figure(
        "web.scroll",
        "ms",
        web.scroll,
        (Target("no frame over 100 ms", lambda m: m.ours <= 100),),
    ),
    Figure(
        "web.chart_draw",
        "s",
        web.chart_draw,
        (Target("under 2 s", lambda m: m.ours < 2),),
    ),
    Figure(
        "web.zoom",
        "ms",
        web.zoom,
        (Target("under 300 ms", lambda m: m.ours < 300),),
    ),
    Figure(
        "web.live",
        "ms",
        web.live,
        (Target("under 500 ms", lambda m: m.ours < 500),),
    ),
    Figure(
        "disk.bytes_per_point",
        "bytes",
        disk.bytes_per_point,
        (Target("35 bytes", lambda m: m.ours <= 35),),
    ),
    Figure(
        "streams.1000",
        "ms",
        streams.streams_1000,
        (
            Target("p99 answer under 50 ms", lambda m: m.ours < 50),
            Target("server under 250 MB", lambda m: m.details["megabytes"] < 250),
            Target("no error at 1,000", lambda m: m.details["errors"] == 0),
            Target("no error at 3,000", lambda m: m.details["errors at 3,000"] == 0),
        ),
    ),
    Figure(
        "ingest.at_50M",
        "points/s",
        ingest.at_50m,
        (
            Target(
                "0.7 of the rate into an empty file",
                lambda m: m.ours >= 0.7 * m.peers["empty file"],
            ),
        ),
    ),
)
