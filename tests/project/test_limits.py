"""The limits that the documents state, each held against the code."""

from __future__ import annotations

import importlib
import re
from operator import attrgetter
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMITS = (ROOT / "docs/limits.md").read_text()
BEHAVIOUR = (ROOT / "docs/behaviour.md").read_text()
REST = (ROOT / "docs/rest.md").read_text()
UNITS = {"KiB": 2**10, "MiB": 2**20, "minutes": 60}

# By row of limits.md: where the numbers of the row come from, in their order.
STATED: dict[str, list[str | int]] = {
    "one message over gRPC": ["runstream.rules.MESSAGE_BYTES"],
    "a request that only reads": ["rpc.admission.READ_REQUEST_BYTES"],
    "calls and streams open at once": ["grpc_server.CALLS"],
    "calls and streams of one connection, open at once": ["grpc_server.CONNECTION_CALLS"],
    "streams of health and reflection, open at once; checks of health": [
        "rpc.public_calls.STREAMS",
        "rpc.public_calls.CHECKS",
    ],
    "calls and requests of one caller who has a name": ["config.DEFAULT_LIMITS.requests"],
    "calls of one caller, open at once, and as many streams that log or watch": [
        "config.DEFAULT_LIMITS.calls"
    ],
    "watches of one caller, open at once": ["config.DEFAULT_LIMITS.watches"],
    "artifacts that one caller stores, on all servers of a database": [],
    "what one caller sends": ["config.DEFAULT_LIMITS.bytes"],
    "single messages that are received at once": [
        "rpc.admission.WRITES_AT_ONCE",
        "rpc.admission.READS_AT_ONCE",
    ],
    "a message that is slow to come": [
        "rpc.admission.RECEIVE_SECONDS",
        "rpc.admission.SLOW_AT_ONCE",
    ],
    "messages over 64 KiB in work at once": [
        "rpc.admission.LARGE_BYTES",
        "rpc.admission.LARGE_AT_ONCE",
    ],
    "what waits to be written": [
        "engine.writer.Writer.QUEUE_BYTES",
        "rpc.logging_servicer.ENTRY_BYTES",
    ],
    "requests of a LogBatch stream whose answers are not read": ["rpc.logging_servicer.PENDING"],
    "what may come of a stream before it is asked for": [64 * 2**10],  # of HTTP/2 itself
    "a connection that says nothing; that asks nothing": [
        "grpc.server_handshake_timeout_ms",
        "grpc.max_connection_idle_ms",
    ],
    "the time in which a server that is told to stop answers calls and writes out its queue": [
        "stop_deadline.STOP_SECONDS",
        "stop_deadline.NOT_WRITTEN_OUT",
    ],
    "connections, of all the open files that the process may have": [],
    "the time of a read, with its wait for a thread": [
        "engine.readers.QUERY_SECONDS",
        "engine.readers.MAINTENANCE_SECONDS",
    ],
    "reads that wait for a thread": ["engine.lanes.WAITING"],
    "reads under way": [
        "engine.readers.QUICK_THREADS",
        "engine.readers.PAGE_THREADS",
        "engine.readers.LONG_THREADS",
    ],
    "sums of points that were read for groups of runs: those of some 6,000 runs in 300 parts": [
        6_000,
        300,
        "points.part_sums.SUMS_BYTES",
    ],
    "grouped histories, and computations of importance, under way": [
        "engine.readers.COMPUTATIONS",
        "engine.readers.COMPUTATIONS",
    ],
    "the time after which a read counts as one that takes long": ["engine.readers.PAGE_SECONDS"],
    "a page of runs or experiments": [
        "rpc.searches.MAX_RESULTS",
        "engine.budget.PAGE_BYTES",
    ],
    "runs that a search leaves out before a page (`offset`)": ["rpc.page_token.MAX_OFFSET"],
    "a page of groups of runs": ["rpc.run_groups.MAX_RESULTS", "engine.budget.PAGE_BYTES"],
    "ids of runs that are told of a group": ["rpc.run_groups.MAX_RUN_IDS"],
    "runs that are grouped; by how many keys; keys of each kind that are told of": [
        "search.run_groups.MAX_RUNS",
        "search.run_groups.MAX_BY",
        "search.run_groups.MAX_KEYS",
    ],
    "different values of runs that are grouped": ["engine.budget.ANSWER_BYTES"],
    "importance of params: runs that are read; params; texts of a param that are told apart": [
        "search.param_importance.MAX_RUNS",
        "search.param_columns.MAX_PARAMS",
        "search.param_columns.MAX_TEXTS",
    ],
    "importance of params: the time in which trees are grown": [
        "search.param_importance.GROWING_SECONDS"
    ],
    "importance of params: different values": ["engine.budget.ANSWER_BYTES"],
    "a page of artifacts": ["rpc.artifact_servicer.PAGE_FILES"],
    "a list of the artifact proxy, which has no pages": ["http.mlflow_artifacts.MAX_LISTED_FILES"],
    "a page of a history; histories of several runs together": ["rpc.metric_servicer.PAGE_POINTS"],
    "smoothing: the standard deviation of a Gaussian; the window of a running mean": [
        "rpc.history_smoothing.MAX_DEVIATION",
        "rpc.history_smoothing.MAX_WINDOW",
    ],
    "grouped histories: groups; runs; metrics": [
        "rpc.grouped_history.MAX_GROUPS",
        "rpc.grouped_history.MAX_RUNS",
        "rpc.grouped_history.MAX_KEYS",
    ],
    "grouped histories: points of a curve; of all together": [
        "rpc.grouped_history.MAX_POINTS",
        "rpc.grouped_history.MAX_ANSWER_POINTS",
    ],
    "a page of a console": ["catalog.console.PAGE_LINES", "catalog.console.PAGE_BYTES"],
    "one run, with all that it logged": ["engine.budget.ANSWER_BYTES"],
    "uploads of one caller that broke off and are kept for an hour": [
        "files.staging.MAX_UNFINISHED_OF_CALLER",
        "files.staging.MAX_UNFINISHED_BYTES_OF_CALLER",
    ],
    "grants on one experiment": ["catalog.grants.MAX_GRANTS"],
    "views and reports of one experiment that have a title; views without": [
        "catalog.document_updates.MAX_DOCUMENTS"
    ],
    "registered models of the server; versions of one; its aliases": [
        "catalog.registered_model_updates.MAX_MODELS",
        "catalog.model_version_updates.MAX_VERSIONS",
        "catalog.model_version_updates.MAX_ALIASES",
    ],
    "tags of a registered model, and of a version": ["catalog.registered_model_updates.MAX_TAGS"],
    "rules for alerts of one experiment": ["catalog.alert_rules.MAX_RULES"],
    "deliveries of alerts that are under way at once, one to a destination; of one experiment": [
        "alerts.delivery.AT_ONCE",
        "alerts.delivery.OF_EXPERIMENT",
    ],
    "destinations that one alert is delivered to": ["catalog.alert_deliveries.MAX_DESTINATIONS"],
    "alerts of one experiment; of them, deliveries that wait": [
        "catalog.alerts.MAX_ALERTS",
        "catalog.alert_deliveries.MAX_PENDING",
    ],
    "valid tokens of one user": ["access.tokens.MAX_TOKENS"],
    "sessions of the interface of one user": ["access.sessions.MAX_SESSIONS"],
    "calls of one caller that failed, in the audit log": ["access.audit_bounds.FAILURES_AT_ONCE"],
    "calls of those who do not say who they are, in the audit log": [
        "access.audit_bounds.STRANGER_IN_HOUR",
        "access.audit_bounds.STRANGERS_IN_HOUR",
    ],
    "the tags of one experiment": ["engine.budget.ANSWER_BYTES"],
    "the keys of experiments": ["engine.budget.ANSWER_BYTES"],
    "answers on their way to all callers, those under 4 KiB not counted": [
        "rpc.answers.SMALL_BYTES",
        "rpc.answers.SENDING_BYTES",
    ],
    "the text of an error; each of its particulars": [
        "runstream.errors._MAX_MESSAGE_CHARACTERS",
        "runstream.errors._MAX_METADATA_CHARACTERS",
    ],
    "characters": ["search.parse.FILTER_CHARACTERS"],
    "conditions; of them with a pattern": [
        "search.parse.CONDITIONS",
        "search.parse.PATTERNS",
    ],
    "nesting": ["search.parse.NESTING"],
    "a pattern": [
        "search.patterns.PATTERN_CHARACTERS",
        "search.patterns.PROGRAM_STEPS",
    ],
    "keys to order by": ["search.order.ORDER_KEYS"],
    "runs that one purge of an experiment names; that one call of it hides; for how long it "
    "works": [
        "care.experiment_purge.MAX_NAMED",
        "care.experiment_purge.MAX_HIDDEN",
        "rpc.maintenance_servicer.CALL_SECONDS",
    ],
    "runs that one call tags; tags that it sets; keys that it deletes": [
        "catalog.run_tagging.MAX_RUNS",
        "catalog.run_tagging.MAX_TAGS",
        "catalog.run_tagging.MAX_DELETED",
    ],
    "characters of the tags that one call sets, of all its runs together": [
        "catalog.run_tagging.MAX_CHARACTERS"
    ],
    "runs that one move names; that it moves, with child runs": [
        "catalog.run_moves.MAX_NAMED",
        "catalog.run_families.MAX_RUNS",
    ],
    "runs that one copy names; that it copies, with child runs; for how long a call of it works": [
        "care.run_copy.MAX_NAMED",
        "catalog.run_families.MAX_RUNS",
        "rpc.run_copying.CALL_SECONDS",
    ],
    "minutes for which nobody goes on with a copy that is not whole": [
        "care.hidden_copies.IDLE_MINUTES"
    ],
    "runs, or experiments, that a watch names": ["rpc.watch_servicer.MAX_NAMED"],
    "commits that are kept for those who are slow": ["live.commits.KEPT_BYTES"],
    "changes of each server that a PostgreSQL keeps for the watches of all; for how long": [
        "engine.change_log.KEPT_BYTES",
        "engine.change_log.KEPT_SECONDS",
    ],
    "a position": ["live.commits.POSITION_CHARACTERS"],
    "the time after which a server that says nothing is gone; after which it is forgotten, "
    "with its positions": ["engine.membership.SILENCE", "engine.change_log.FORGOTTEN"],
    "an answer": ["rpc.watch_servicer.ANSWER_BYTES"],
    "answers on their way to all watchers": ["rpc.watch_servicer.SENDING_BYTES"],
    "pages of the database that the writer keeps": ["engine.sqlite.WRITER_CACHE_BYTES"],
    "tokens that a server knows without asking the database": ["access.known_tokens.MAX_TOKENS"],
    "pages that each of the reading connections keeps, of which the sealer has one, 56 MiB in all; "
    "what one sorts in memory": [
        56 * 2**20,
        "engine.sqlite.READER_CACHE_BYTES",
        "engine.sqlite.READER_CACHE_BYTES",
    ],
    "points of tails that wait to be sealed into chunks, of all runs": [
        "points.backlog.MAX_WAITING_POINTS"
    ],
    "points of tails that the writer keeps to find out which late points are new; decoded chunks": [
        "points.stored.TAIL_POINTS",
        "points.stored.DECODED_CHUNKS",
    ],
    "points of a tail that the sealer reads at a time, if a row has not more": [
        "points.sealing.STEP_POINTS"
    ],
    "chunks that one step of the sealer replaces, up to those of one part of a metric more": [
        "points.sealing.REPLACED_CHUNKS"
    ],
    "what runs that ended logged, kept for searches; of one run": [
        "rpc.run_cache.CACHE_BYTES",
        "rpc.run_cache.CONTENT_BYTES",
    ],
    "summaries of the series in work": ["points.series_summary.SUMMARIES_BYTES"],
    "workers": ["workers.MAX_WORKERS"],
    "the pause before a worker is started that has ended again and again": ["workers.MAX_PAUSE"],
    "the time that workers have to end": ["workers.STOP_SECONDS"],
    "the time that one worker waits for the answer of another, for `/metrics` and `/ready`": [
        "joint_operation.ANSWER_SECONDS",
        503,
    ],
    "servers that it names": ["runstream.transport.tracking_uri.MAX_SERVERS"],
    "the time for which a server that did not answer is left out": [
        "runstream.transport.round_robin.AVOID_SECONDS"
    ],
    "the spool of a user, with what other processes left in it": [
        "runstream.spool.settings.DEFAULT_LIMIT",
        "runstream.outbox.disk_queue.RETRY_SECONDS",
    ],
    "the part of a disk that stays free": ["runstream.spool.settings.FREE_SHARE"],
    "batches in memory alone": [
        "runstream.outbox.outgoing_batches.LIMIT_BYTES",
        "runstream.outbox.waits.ROOM_SECONDS",
    ],
    "the time without an answer of the disk after which it is taken to hang": [
        "runstream.outbox.disk_watch.HANG_SECONDS",
        "runstream.outbox.outgoing_batches.LIMIT_BYTES",
    ],
    "batches in memory that are on disk, too": ["runstream.outbox.disk_queue.HEAD_BYTES"],
    "the time that a call with `synchronous=False` waits while the spool has its limit": [
        "runstream.outbox.task_log.ROOM_SECONDS"
    ],
    "attempts at an upload in which a server that is there fails": [
        "runstream.outbox.task_worker.MAX_FAILURES"
    ],
    "the time that the start of a run waits for a connection": [
        "runstream.outbox.waits.CONNECT_SECONDS"
    ],
    "one frame of a file; a file, after which the next one is begun": [
        "runstream.spool.frames.MAX_PAYLOAD_BYTES",
        "runstream.spool.log_files.FILE_BYTES",
        "runstream.rules.MESSAGE_BYTES",
    ],
    "what is on the way without an answer": ["runstream.syncing.batch_stream.WINDOW_BYTES"],
    "the time without an answer after which a stream is opened anew": [
        "runstream.syncing.batch_stream.ANSWER_SECONDS"
    ],
    "the time for which a server that is away is tried": [
        "runstream.syncing.batch_delivery.AWAY_SECONDS"
    ],
    "what a program sends in a second of what another one left": [
        "runstream.syncing.adoption.BYTES_PER_SECOND"
    ],
    "the time after which a program looks again for what others left": [
        "runstream.syncing.adoption.AGAIN_SECONDS"
    ],
    "the time without a write after which a folder of another machine is removed, once it is "
    "delivered": ["runstream.syncing.folder_state.QUIET_SECONDS"],
    "the time that it waits for a server of a file": [
        "runstream.calls.session.FILE_CONNECT_SECONDS"
    ],
    "the time that it waits for an answer": ["runstream.outbox.waits.START_ANSWER_SECONDS"],
    "the time that the end of a program waits without an answer": [
        "runstream.process.shutdown.ANSWER_SECONDS"
    ],
    "the same in a child of multiprocessing, if the server is away and all is on disk": [
        "runstream.process.shutdown.CHILD_SECONDS"
    ],
    "the time that a training waits for a server that is away, in all": [
        "runstream.autologging.guard.WAIT_SECONDS"
    ],
    "the time that the end of a program waits for figures, models and calls that are left for "
    "later, while the server is away": ["runstream.outbox.drain._LOCAL_SECONDS"],
    "uploads and calls that are left for later": ["runstream.outbox.deferred_work.LIMIT"],
    "figures that wait to be drawn": ["runstream.autologging.painter.MAX_WAITING"],
    "scores and metrics of the models of one run that are logged after their training": [
        "runstream.autologging.evaluation.MAX_CALLS"
    ],
    "classes in a confusion matrix": ["runstream.autologging.sklearn.figures.MAX_CLASSES"],
    "values of an estimator that are looked through, to put back what a prediction changes": [
        "runstream.autologging.sklearn.kept_state.MAX_VALUES"
    ],
}


def numbers(text: str) -> list[float]:
    """The numbers of a text, in bytes or seconds."""
    text = re.sub(r"RE2|HTTP/2", "", text)
    found = re.findall(r"(\d[\d,]*(?:\.\d+)?)(?: (KiB|MiB|minutes))?", text)
    return [float(number.replace(",", "")) * UNITS.get(unit, 1) for number, unit in found]


def rows(document: str) -> list[list[str]]:
    """The cells of the rows of its tables, without the heads."""
    lines = document.splitlines()
    heads = {at + i for at, line in enumerate(lines) if line.startswith("|---") for i in (-1, 0)}
    return [
        line[2:-2].split(" | ")
        for at, line in enumerate(lines)
        if line.startswith("|") and at not in heads
    ]


def value(name: str | float) -> float:
    """What a number is in the code."""
    if not isinstance(name, str):
        return name
    if name.startswith("grpc."):
        options = dict(importlib.import_module("runstream_service.grpc_server")._OPTIONS)
        return float(options[name]) / 1_000
    full = name if name.startswith("runstream.") else f"runstream_service.{name}"
    module, _, constant = full.rpartition(".")
    for owner in ("Writer", "DEFAULT_LIMITS"):
        if module.endswith(f".{owner}"):
            module, constant = module.removesuffix(f".{owner}"), f"{owner}.{constant}"
    found: float = attrgetter(constant)(importlib.import_module(module))
    return found


def test_each_limit_of_the_rules_is_that_of_the_code() -> None:
    table = rows(BEHAVIOUR.partition("\n## Limits\n")[2])
    assert table
    for limit, said, constant in table:
        found = re.fullmatch(r"`([\w.]+)` in `(.*)\.py`", constant)
        assert found, limit
        name, file = found.groups()
        module = file.removeprefix("clients/python/").removeprefix("service/").replace("/", ".")
        assert numbers(said) == [attrgetter(name)(importlib.import_module(module))], limit


def test_each_limit_of_what_a_caller_can_make_a_server_hold_is_that_of_the_code() -> None:
    table = {row[0]: numbers(" ".join(row)) for row in rows(LIMITS)}
    assert table == {row: [value(name) for name in names] for row, names in STATED.items()}


def test_the_limits_of_a_body_that_the_document_of_rest_states_are_those_of_the_code() -> None:
    (said,) = re.findall(r"A body of JSON may have (.*?);", REST, re.S)
    names = (
        "http.rpc_routes.BODY_BYTES",
        "http.json_text.OBJECTS",
        "http.rpc_routes.DATASETS_BYTES",
    )
    assert numbers(said) == [value(name) for name in names]
