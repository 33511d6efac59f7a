"""SearchRuns, CountRuns and SearchExperiments over a real socket (S1 to S7)."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from runstream.v1.experiment_pb2 import ExperimentTag
from runstream.v1.experiment_service_pb2 import (
    CreateExperimentRequest,
    DeleteExperimentRequest,
    SearchExperimentsRequest,
    SetExperimentTagRequest,
)
from runstream.v1.run_pb2 import ALL, DELETED_ONLY, FINISHED, KeySelection
from runstream.v1.run_service_pb2 import (
    CountRunsRequest,
    DeleteRunRequest,
    SearchRunsRequest,
    UpdateRunRequest,
)
from runstream_service.engine.database import _MIGRATIONS
from support import vectors
from support.api import Api, refused
from support.named_runs import NamedRuns
from support.server_process import ServerProcess

NAN, INF = math.nan, math.inf


@pytest.fixture
def runs(api: Api) -> NamedRuns:
    return NamedRuns(api)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NamedRuns]:
    """The runs of `sweep` on a server that tests share which only search."""
    server = ServerProcess(tmp_path_factory.mktemp("search") / "runs.db")
    with grpc.insecure_channel(server.address) as channel:
        yield fill(NamedRuns(Api(channel)))
    server.stop()


@pytest.fixture
def sweep(runs: NamedRuns) -> NamedRuns:
    return fill(runs)


def fill(runs: NamedRuns) -> NamedRuns:
    runs.add("a", {"loss": 0.5, "val/f1-score": 1}, {"lr": "0.1"}, {"team": "red", "my tag": "x"})
    runs.add("b", {"loss": 0.25}, {"lr": "0.01", "a.b": "it's"}, {"team": "Red"})
    runs.add("c", {"loss": NAN}, {"lr": "0.001"}, {"team": "blue_1"})
    runs.add("d", {"loss": INF}, {}, {"note": 'say "hi"'})
    runs.add("e", {"loss": -INF, "other": 3})
    return runs


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("metrics.loss < 0.5", "b e"),
        ("metrics.loss <= 0.5", "a b e"),
        ("metrics.loss > 0.25", "a d"),
        ("metrics.loss >= 5e-1", "a d"),
        ("metric.loss = .25", "b"),
        ("metrics.loss == 0.25", "b"),
        ("metrics.loss != 0.25", "a c d e"),
        ("metrics.loss <> 0.25", "a c d e"),
        ("metrics.loss = NaN", "c"),
        ("metrics.loss > nan", ""),
        ("metrics.loss < inf", "a b e"),
        ("metrics.loss = -Infinity", "e"),
        ("metrics.loss BETWEEN 0.25 AND 0.5", "a b"),
        ("metrics.loss not between 0.25 and 0.5", "c d e"),
        ("metrics.loss IN (0.5, nan)", "a c"),
        ("metrics.val/f1-score = 1", "a"),
        ("metrics.`val/f1-score` = 1", "a"),
        ('metrics."val/f1-score" = 1', "a"),
        ("metrics.other IS NULL", "a b c d"),
        ("metrics.other is not null", "e"),
        ("params.lr = '0.1'", "a"),
        ('param.lr = "0.1"', "a"),
        ("parameter.lr != '0.1'", "b c"),
        ("params.lr IN ('0.1', '0.01')", "a b"),
        ("params.lr NOT IN ('0.1', '0.01')", "c"),
        ("params.lr IS NULL", "d e"),
        ("params.lr > 0.01", "a"),
        ("params.lr = 1e-1", "a"),
        ("params.lr = '1e-1'", ""),
        ("params.lr IN (0.1, '0.01')", "a b"),
        ("params.lr NOT BETWEEN 0.01 AND 0.5", "c"),
        ("params.a.b != 0", "b"),
        ("params.a.b = 'it''s'", "b"),
        ("tags.team LIKE 'red'", "a"),
        ("tag.team ILIKE 'RED'", "a b"),
        ("tags.team LIKE '%e%'", "a b c"),
        ("tags.team NOT LIKE '%ed'", "c"),
        ("tags.team LIKE 'blue__'", "c"),
        ("tags.team LIKE 'blue!_1' escape '!'", "c"),
        ("tags.team NOT LIKE 'Blue\\_%' ESCAPE '\\'", "a b c"),
        ("tags.team NOT ILIKE 'Blue\\_%' ESCAPE '\\'", "a b"),
        ("tags.team LIKE '%_1' ESCAPE '%'", ""),
        ("tags.team RLIKE '^[rR]e'", "a b"),
        ("tags.`my tag` = 'x'", "a"),
        ('tags.note = "say ""hi"""', "d"),
        ("tags.mlflow.runName = 'd'", "d"),
        ("attributes.run_name = 'c'", "c"),
        ("attr.run_name IN ('c', 'd')", "c d"),
        ("run.status = 'RUNNING' and run_name LIKE '_' AND run_id != 'c'", "a b c d e"),
        ("status != 'RUNNING'", ""),
        ("status LIKE 'RUN%' AND start_time <= 2", "a b"),
        ("created >= 4", "d e"),
        ("start_time < '1970-01-01T00:00:00.003'", "a b"),
        ("start_time = '1970-01-01 01:00:00.002+01:00'", "b"),
        ("start_time IN ('1970-01-01t00:00:00.002z', 4)", "b d"),
        ("start_time BETWEEN '1970-01-01' AND '1970-01-02'", "a b c d e"),
        ("start_time > '1970-01-01T00:00Z' AND start_time > '2026-11-01'", ""),
        ("end_time > 0", ""),
        ("NOT end_time > 0", "a b c d e"),
        ("end_time IS NULL", "a b c d e"),
        ("artifact_uri LIKE 'mlflow-artifacts:/0/%'", "a b c d e"),
        ("user_id = ''", "a b c d e"),
        ("metrics.loss < 1 AND params.lr = '0.1' OR run_name = 'e'", "a e"),
        ("metrics.loss < 1 AND (params.lr = '0.1' OR run_name = 'e')", "a e"),
        ("NOT (metrics.loss < 1 or tags.team = 'blue_1')", "d"),
        ("not params.lr = '0.1'", "b c d e"),
        ("NOT NOT run_name = 'a'", "a"),
        ("  ", "a b c d e"),
    ],
)
def test_a_filter_finds_the_runs_that_it_is_true_of(
    filled: NamedRuns, condition: str, names: str
) -> None:
    """S1, S2, S3."""
    assert filled.found(condition) == names


@pytest.mark.parametrize("quote", ["`", '"', "'"])
def test_every_key_can_be_quoted(runs: NamedRuns, quote: str) -> None:
    """M1, S1."""
    keys = vectors.KEYS["allowed"]
    pairs = {key: key for key in keys}
    runs.add("all", {key: i for i, key in enumerate(keys)}, pairs, pairs)
    runs.add("none")
    for i, key in enumerate(keys):
        name = quote + key.replace(quote, 2 * quote) + quote
        value = key.replace("'", "''")
        condition = (
            f"metrics.{name} = {i} AND params.{name} = '{value}' AND tags.{name} = '{value}'"
        )
        assert runs.found(condition) == "all"
        assert runs.found(f"NOT ({condition})", f"params.{name} DESC") == "none"
        assert runs.found("", f"metrics.{name} DESC") == "all none"


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("metrics.loss <", 15, "a number"),
        ("metrics.loss < 'x'", 16, "a number"),
        ("run_name = 0.1", 12, "a string in quotes"),
        ("params.lr > '0.1'", 13, "a number without quotes"),
        ("tags.a BETWEEN 1 AND '2'", 22, "a number without quotes"),
        ("run_name >= 'a'", 13, "= != LIKE"),
        ("status < 'RUNNING'", 10, "= != LIKE"),
        ("datasets.name <= 'a'", 18, "= != LIKE"),
        ("start_time > 'yesterday'", 14, "2026-11-01"),
        ("start_time > '2026-02-30'", 14, "2026-11-01"),
        ("start_time > '0000-01-01'", 14, "2026-11-01"),
        ("duration > '2026-11-01'", 12, "a number"),
        ("tags.a LIKE 'x!' ESCAPE '!'", 13, "a character after"),
        ("tags.a LIKE 'x' ESCAPE '!!'", 24, "one character"),
        ("tags.a LIKE 'x' ESCAPE ''", 24, "one character"),
        ("tags.a RLIKE 'x' ESCAPE '!'", 25, "LIKE or ILIKE"),
        ("tags.a = 'x' ESCAPE '!'", 14, "AND or OR"),
        ("foo.loss < 1", 1, "metrics, minimum"),
        ("(run_name = 'a'", 16, ")"),
        ("run_name = 'a' run_name", 16, "AND or OR"),
        ("run_name ! 'a'", 10, "= !="),
        ("nonsense = 'a'", 1, "run_name"),
        ("datasets.size = 'a'", 1, "digest"),
        ("metrics.loss LIKE '1%'", 1, "a text"),
        ("tags.a RLIKE '('", 14, "a regular expression"),
        ("tags.a = 'unclosed", 10, "a string in quotes"),
        ("NOT " * 60 + "run_name = 'a'", 1, "at most 20"),
        (" OR ".join(["run_name = 'a'"] * 501), 1, "at most 500"),
        ("x" * 20_001, 20_001, "at most 20000"),
    ],
)
def test_a_malformed_filter_is_refused_naming_the_column_and_what_was_expected(
    filled: NamedRuns, text: str, column: int, expected: str
) -> None:
    """S4."""
    api = filled.api
    for call in (
        lambda: api.runs.SearchRuns(SearchRunsRequest(filter=text)),
        lambda: api.runs.CountRuns(CountRunsRequest(filter=text)),
    ):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "FILTER_MALFORMED") as refusal:
            call()
        assert int(refusal.metadata["column"]) == column
        assert expected in refusal.metadata["expected"]


def test_long_and_deep_filters_within_the_limits_work(runs: NamedRuns) -> None:
    runs.add("a")
    assert runs.found(" OR ".join(["run_name = 'a'"] * 500)) == "a"
    assert runs.found("NOT " * 18 + "run_name = 'a'") == "a"
    assert runs.found("(" * 2000 + "run_name = 'a'" + ")" * 2000) == "a"


def test_a_metric_orders_numbers_then_nan_then_runs_without_it(runs: NamedRuns) -> None:
    """S5."""
    for name, metrics in {
        "none1": {},
        "nan1": {"m": NAN},
        "two": {"m": 2.0},
        "inf": {"m": INF},
        "none2": {"other": 1.0},
        "minus": {"m": -INF},
        "nan2": {"m": NAN},
        "one": {"m": 1.0},
    }.items():
        runs.add(name, metrics)
    up = "minus one two inf nan2 nan1 none2 none1"
    down = "inf two one minus nan2 nan1 none2 none1"
    for size in (1, 2, 3, 1000):
        assert runs.found("", "metrics.m", max_results=size) == up
        assert runs.found("", "metrics.m DESC", max_results=size) == down


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_texts_and_times_order_with_missing_values_last(runs: NamedRuns, size: int) -> None:
    """S5."""
    ids = {
        "a": runs.add("a", params={"p": "x2"}),
        "b": runs.add("b"),
        "c": runs.add("c", params={"p": "x10"}, tags={"t": "x"}),
        "d": runs.add("d", params={"p": "x10"}),
    }
    for name, end_time in {"b": 7, "c": 3}.items():
        request = UpdateRunRequest(run_id=ids[name], status=FINISHED, end_time=end_time)
        runs.api.runs.UpdateRun(request)
    for order, names in {
        "params.p ASC": "d c a b",
        "params.p desc": "a d c b",
        "tags.t": "c d b a",
        "end_time": "c b d a",
        "attributes.end_time DESC": "b c d a",
        "start_time ASC": "a b c d",
        "run_name DESC": "d c b a",
        "status": "c b d a",
    }.items():
        assert runs.found("", order, max_results=size) == names, order
    assert runs.found("", "params.p", "run_name", max_results=size) == "c d a b"
    assert runs.found("run_name != 'd'", "status", "params.p", max_results=size) == "c b a"


NUMBERS = {
    "0.1": 0.1, "1e-3": 1e-3, "1E5": 1e5, "+7": 7, "-0": 0, "007": 7, ".5": 0.5, "5.": 5,
    " 3 ": 3, "4\t\n": 4, "inf": INF, "-Infinity": -INF, "INF": INF, "1e999": INF,
    "9007199254740993": 2**53 + 1, "-9223372036854775808": -(2**63), "1.0E-5": 1e-5,
    "0.30000000000000004": 0.1 + 0.2, "1" * 400: INF, "18446744073709551616": 2.0**64,
}  # fmt: skip
NO_NUMBERS = [
    "", " ", "0x10", "1_000", "1,000", "1e", "e5", ".", "-", "1 2", "10%", "True", "None", "1.2.3",
    "1e5.0", "infinit", "nano", "٣", "½", "1f", "0b1", "--1", "1e+", "1\u00a0", "1" * 5_000 + "x",
]  # fmt: skip


def test_what_reads_as_a_number_is_one(runs: NamedRuns) -> None:
    """S2."""
    for i, value in enumerate([*NUMBERS, *NO_NUMBERS, "nan", "-NaN"]):
        runs.add(str(i), params={"p": value}, tags={"t": value})
    values = list(NUMBERS.values())
    for text, number in NUMBERS.items():
        equal = " ".join(str(i) for i, value in enumerate(values) if value == number)
        less = " ".join(str(i) for i, value in enumerate(values) if value < number)
        literal = str(number)
        assert runs.found(f"params.p = {literal}") == equal, text
        assert runs.found(f"tags.t < {literal}") == less, text
    assert runs.found("params.p < inf OR params.p = inf").split() == [
        str(i) for i in range(len(values))
    ]
    count = len(NUMBERS) + len(NO_NUMBERS)
    assert runs.found("params.p = nan") == f"{count} {count + 1}"
    assert len(runs.found("params.p != 0.1").split()) == count + 2 - 1
    assert len(runs.found("params.p NOT IN (0.1, 7)").split()) == count + 2 - 3
    assert len(runs.found("NOT params.p BETWEEN -inf AND inf").split()) == len(NO_NUMBERS) + 2


def test_a_database_of_before_is_searched_by_numbers(tmp_path: Path) -> None:
    """S2, S5."""
    file = tmp_path / "old.db"
    Runner(SqliteDatabase(str(file)), str(_MIGRATIONS)).up("0009_logged_models")
    with closing(sqlite3.connect(file)) as old, old:
        for i, value in enumerate(("9", "10", "auto", "nan"), 1):
            old.execute(
                "INSERT INTO run (id, uuid, experiment_id, name, user_id, status, start_time, "
                "artifact_uri, deleted, deleted_with_experiment, purging) "
                "VALUES (?, ?, 1, ?, '', 1, ?, '', 0, 0, 0)",
                (i, f"{i:032x}", value, i),
            )
            for table in ("param", "run_tag"):
                old.execute(f"INSERT INTO {table} VALUES (?, 'k', ?)", (i, value))
    server = ServerProcess(file)
    with grpc.insecure_channel(server.address) as channel:
        runs = NamedRuns(Api(channel))
        assert runs.found("params.k > 9.5") == "10"
        assert runs.found("tags.k <= 10") == "9 10"
        assert runs.found("", "tags.k DESC") == "10 9 nan auto"
    assert server.stop() == ""


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("group", ["params", "tags"])
def test_params_and_tags_order_numbers_then_nan_then_texts_then_runs_without_it(
    runs: NamedRuns, group: str, size: int
) -> None:
    """S5."""
    values = {
        "nine": "9",
        "none1": None,
        "auto": "auto",
        "ten": "10",
        "nan": "nan",
        "small": "1e-3",
        "tenth": "0.1",
        "none2": None,
        "Zeta": "Zeta",
        "minus": "-inf",
        "again": "0.1",
    }
    for name, value in values.items():
        texts = {} if value is None else {"k": value}
        runs.add(name, {}, texts if group == "params" else {}, texts if group == "tags" else {})
    up = "minus small again tenth nine ten nan Zeta auto none2 none1"
    down = "ten nine again tenth small minus nan auto Zeta none2 none1"
    assert runs.found("", f"{group}.k", max_results=size) == up
    assert runs.found("", f"{group}.k DESC", max_results=size) == down


@pytest.mark.parametrize("order", ["metrics.", "loss up", "datasets.name", "nonsense", "x.y", ""])
def test_a_malformed_order_is_refused(filled: NamedRuns, order: str) -> None:
    """S4, S5."""
    api = filled.api
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "ORDER_BY_MALFORMED") as refusal:
        api.runs.SearchRuns(SearchRunsRequest(order_by=["start_time", order]))
    assert refusal.metadata["value"] == order


@pytest.mark.parametrize("order", [[], ["metrics.m"], ["params.p DESC"], ["run_name"]])
def test_paging_shows_every_run_once_while_runs_are_created(
    runs: NamedRuns, order: list[str]
) -> None:
    """S6."""
    before = {runs.add(f"r{i}", {"m": i % 3}, {"p": str(i % 4)}) for i in range(12)}
    request = SearchRunsRequest(order_by=order, max_results=5)
    seen: list[str] = []
    while True:
        page = runs.api.runs.SearchRuns(request)
        seen += [run.info.run_id for run in page.runs]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
        runs.add("later", {"m": 1.0}, {"p": "2"})
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


def test_a_token_is_good_for_its_search_alone(filled: NamedRuns) -> None:
    """S6."""
    search = filled.api.runs.SearchRuns
    token = search(SearchRunsRequest(filter="start_time > 0", max_results=2)).next_page_token
    assert search(SearchRunsRequest(filter="start_time > 0", page_token=token)).runs
    for other in (
        {"filter": "start_time > 1"},
        {"filter": "start_time > 0", "order_by": ["run_name"]},
        {"filter": "start_time > 0", "experiment_ids": ["0"]},
        {"filter": "start_time > 0", "run_view_type": ALL},
    ):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
            search(SearchRunsRequest(page_token=token, **other))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_MISMATCH"):
        search(SearchRunsRequest(page_token="nonsense"))


@pytest.mark.parametrize("size", [-1, 50_001])
def test_the_size_of_a_page_has_limits(filled: NamedRuns, size: int) -> None:
    """S6."""
    api = filled.api
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_OUT_OF_RANGE"):
        api.runs.SearchRuns(SearchRunsRequest(max_results=size))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_OUT_OF_RANGE"):
        api.experiments.SearchExperiments(SearchExperimentsRequest(max_results=size))


def test_a_page_of_large_runs_ends_early_and_goes_on(server: ServerProcess) -> None:
    options = [("grpc.max_receive_message_length", 64 << 20)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        runs = NamedRuns(Api(channel))
        large = {f"p{i}": "x" * 65_536 for i in range(60)}
        for name in "abcdef":
            runs.add(name, params=large)
        first = runs.api.runs.SearchRuns(SearchRunsRequest(max_results=100))
        assert 0 < len(first.runs) < 6
        assert runs.found("", "start_time", max_results=100) == "a b c d e f"


def test_deleted_runs_are_seen_if_they_are_asked_for(sweep: NamedRuns) -> None:
    deleted = sweep.api.runs.SearchRuns(SearchRunsRequest(filter="run_name = 'b'")).runs[0]
    sweep.api.runs.DeleteRun(DeleteRunRequest(run_id=deleted.info.run_id))
    assert sweep.found() == "a c d e"
    assert sweep.found(run_view_type=DELETED_ONLY) == "b"
    assert sweep.found(run_view_type=ALL) == "a b c d e"


def test_a_search_is_among_the_experiments_that_are_named(runs: NamedRuns) -> None:
    create = runs.api.experiments.CreateExperiment
    other = create(CreateExperimentRequest(name="other")).experiment_id
    runs.add("here")
    runs.add("there", experiment_id=other)
    assert runs.found() == "here there"
    assert runs.found(experiment_ids=["0"]) == "here"
    assert runs.found(experiment_ids=[other, "0"]) == "here there"
    assert runs.found(experiment_ids=[other, "99"]) == "there"
    assert runs.found(experiment_ids=["99"]) == ""
    assert runs.found("run_name like '%here'", "metrics.m", experiment_ids=["99"]) == ""


def test_the_keys_that_are_named_are_returned(filled: NamedRuns) -> None:
    request = SearchRunsRequest(
        filter="run_name = 'a'",
        metric_keys=KeySelection(keys=["loss", "none"]),
        param_keys=KeySelection(),
        tag_keys=KeySelection(keys=["team"]),
    )
    (run,) = filled.api.runs.SearchRuns(request).runs
    assert [(metric.key, metric.value) for metric in run.data.metrics] == [("loss", 0.5)]
    assert not run.data.params
    assert [tag.key for tag in run.data.tags] == ["team"]


def test_experiments_are_found_by_name_times_and_tags(api: Api) -> None:
    """S7."""
    ids = {
        name: api.experiments.CreateExperiment(
            CreateExperimentRequest(
                name=name, tags=[ExperimentTag(key="team", value=team)] if team else []
            )
        ).experiment_id
        for name, team in {"one": "red", "two": "", "three": "blue"}.items()
    }
    api.experiments.DeleteExperiment(DeleteExperimentRequest(experiment_id=ids["two"]))

    def found(text: str = "", *order_by: str, size: int = 0, view: Any = None) -> str:
        names: list[str] = []
        request = SearchExperimentsRequest(
            filter=text, order_by=order_by, max_results=size, view_type=view
        )
        while True:
            page = api.experiments.SearchExperiments(request)
            names += [experiment.name for experiment in page.experiments]
            if not page.next_page_token:
                return " ".join(names)
            request.page_token = page.next_page_token

    assert found(size=1) == "three one Default"
    assert found(view=DELETED_ONLY) == "two"
    assert found(view=ALL) == "three two one Default"
    assert found("name LIKE 't%'", view=ALL) == "three two"
    assert found(f"experiment_id = '{ids['one']}'") == "one"
    assert found("tags.team = 'red' or attribute.name = 'Default'") == "one Default"
    assert found("tags.team is null", view=ALL) == "two Default"
    assert found("creation_time > 0 and last_update_time > 0", "name") == "Default one three"
    assert found("", "tags.team DESC", size=1) == "one three Default"
    assert found(
        "creation_time > '2020-01-01' AND creation_time < '9999-01-01T00:00Z'", "name"
    ) == ("Default one three")
    assert found("last_update_time < '2020-01-01'") == ""
    assert found("", "experiment_id", view=ALL, size=2) == "Default one two three"
    for name, value in {"one": "9", "three": "1e1"}.items():
        api.experiments.SetExperimentTag(
            SetExperimentTagRequest(experiment_id=ids[name], key="size", value=value)
        )
    assert found("tags.size < 10") == "one"
    assert found("tags.size IN (10, '9')", "tags.size") == "one three"
    for size in (1, 3):
        assert found("", "tags.size DESC", size=size) == "three one Default"
    for malformed in ("metrics.loss < 1", "tags.size < '10'", "name > 'a'"):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "FILTER_MALFORMED"):
            found(malformed)
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "ORDER_BY_MALFORMED"):
        found("", "params.p")
