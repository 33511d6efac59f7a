"""Random filters, orders and runs, against a plain evaluation in Python."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from operator import ge, gt, le, lt
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runstream.v1.experiment_service_pb2 import CreateExperimentRequest
from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.metric_pb2 import LoggedMetric
from runstream.v1.run_pb2 import Param, RunTag
from runstream.v1.run_service_pb2 import CountRunsRequest, CreateRunRequest, SearchRunsRequest
from support.api import Api
from support.server_process import ServerProcess

NUMBER = count()
KEYS = ("a", "b.c", "d e")
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.5, 1e300, math.inf, -math.inf, math.nan])
WORDS = ["", "a", "A", "ab", "é", "É", "100%", "a_b", "it's", 'say "x"', "line\n", "0x1", "1_0"]
# Texts that are numbers, some the same in two ways.
TEXTS = st.sampled_from([*WORDS, "1", "1.0", " 1\n", "-1.5", "+1e300", "inf", "-INF", "nan", "-0"])
PATTERNS = st.sampled_from(["%", "a%", "%B", "_", "a_b", "É", "100%", "%'%", "%\n", ""])


@dataclass
class Logged:
    """What was logged to a run."""

    run_id: str
    start: int
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


RUNS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.dictionaries(st.sampled_from(KEYS), NUMBERS),
        st.dictionaries(st.sampled_from(KEYS), TEXTS),
        st.dictionaries(st.sampled_from(KEYS), TEXTS),
    ),
    min_size=1,
    max_size=7,
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def conditions(draw: Any) -> Any:
    """A condition as text, and as a function of a run."""
    group = draw(st.sampled_from(["metrics", "params", "tags"]))
    key = draw(st.sampled_from(KEYS))
    name = f"{group}.`{key}`"
    as_number = group == "metrics" or draw(st.booleans())
    values = NUMBERS if as_number else TEXTS
    shown = repr if as_number else quoted

    def of(run: Logged) -> Any:
        """What the run has: where texts are compared as numbers, "" for a text that is none."""
        value = getattr(run, group).get(key)
        if value is None or group == "metrics" or not as_number:
            return value
        return float(value) if is_number(value) else ""

    kind = draw(st.sampled_from(["compare", "in", "between", "null", "like"]))
    if kind == "null":
        return draw(
            st.sampled_from(
                [
                    (f"{name} IS NULL", lambda run: of(run) is None),
                    (f"{name} is not null", lambda run: of(run) is not None),
                ]
            )
        )
    if kind == "like" and not as_number:
        return draw(patterns(name, of))
    if kind == "in":
        wanted = draw(st.lists(values, min_size=1, max_size=3))
        return (
            f"{name} IN ({', '.join(map(shown, wanted))})",
            lambda run: of(run) is not None and any(same(of(run), one) for one in wanted),
        )
    low, high = draw(values), draw(values)
    if kind == "between" and as_number:
        return (
            f"{name} BETWEEN {shown(low)} AND {shown(high)}",
            lambda run: of(run) not in (None, "") and low <= of(run) <= high,
        )
    orders = ["<", "<=", ">", ">="] if as_number else []
    operator = draw(st.sampled_from(["=", "!=", *orders]))
    compare: Any = {
        "=": same,
        "!=": lambda a, b: not same(a, b),
        "<": lt,
        "<=": le,
        ">": gt,
        ">=": ge,
    }[operator]
    return (
        f"{name} {operator} {shown(low)}",
        lambda run: (
            of(run) is not None
            and (operator == "!=" if as_number and of(run) == "" else compare(of(run), low))
        ),
    )


@st.composite
def patterns(draw: Any, name: str, of: Any) -> Any:
    """A condition of LIKE, sometimes with an escape."""
    pattern, any_case, escaped = draw(PATTERNS), draw(st.booleans()), draw(st.booleans())
    wildcards = {} if escaped else {"%": ".*", "_": "."}
    rule = "".join(wildcards.get(c, re.escape(c)) for c in pattern)
    if escaped:  # every wildcard stands for itself
        pattern = re.sub("([%_!])", r"!\1", pattern)
    compiled = re.compile(rule, re.DOTALL | (re.IGNORECASE if any_case else 0))
    word, end = "ILIKE" if any_case else "LIKE", " ESCAPE '!'" if escaped else ""
    return (
        f"{name} {word} {quoted(pattern)}{end}",
        lambda run: of(run) is not None and compiled.fullmatch(of(run)) is not None,
    )


def is_number(text: str) -> bool:
    """S2, written down once more."""
    return text not in WORDS


def same(a: Any, b: Any) -> bool:
    return bool(a == b or (a != a and b != b))


def joined(parts: Any) -> Any:
    def both(pair: Any) -> Any:
        (left, left_is), (right, right_is) = pair
        return st.sampled_from(
            [
                (f"({left}) AND {right}", lambda run: left_is(run) and right_is(run)),
                (f"({left} or {right})", lambda run: left_is(run) or right_is(run)),
                (f"NOT ({left})", lambda run: not left_is(run)),
            ]
        )

    return st.tuples(parts, parts).flatmap(both)


FILTERS = st.recursive(conditions(), joined, max_leaves=6)
ORDERS = st.lists(
    st.tuples(st.sampled_from(["metrics", "params", "tags"]), st.sampled_from(KEYS), st.booleans()),
    max_size=3,
)


def place(run: Logged, orders: list[tuple[str, str, bool]]) -> list[Any]:
    """What runs are sorted by: S5, written down once more."""
    parts: list[Any] = []
    for group, key, down in orders:
        value = getattr(run, group).get(key)
        parts += absent(down) if value is None else of_value(value, down)
    return [*parts, -run.start, run.run_id]


def absent(down: bool) -> list[Any]:
    return [3, Sortable(0, down), Sortable(b"", down)]


def of_value(value: float | str, down: bool) -> list[Any]:
    """Numbers, then NaN, then texts; numbers that are the same by their texts."""
    text = Sortable(value.encode() if isinstance(value, str) else b"", down)
    if isinstance(value, str) and not is_number(value):
        return [2, Sortable(0, down), text]
    one = float(value)
    return [1, Sortable(0, down), text] if one != one else [0, Sortable(one, down), text]


@dataclass(frozen=True)
class Sortable:
    """A value that sorts up or down."""

    value: Any
    down: bool

    def __lt__(self, other: Sortable) -> bool:
        return bool(other.value < self.value if self.down else self.value < other.value)


MANY = """
from runstream.cli import main
from runstream_service.search import run_search, scope
scope.ALWAYS_SORTED, run_search.MAX_TESTED = 0, {max_tested}
main()
"""
PROGRAMS = {
    "few": None,
    "walked": ("-c", MANY.format(max_tested=0)),
    "tested": ("-c", MANY.format(max_tested=1_000)),
}


@pytest.fixture(scope="module", params=list(PROGRAMS.values()), ids=list(PROGRAMS))
def shared(
    request: Any, tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[Api]:
    """A server, and two that take the ways of many runs also where they are few."""
    database = tmp_path_factory.mktemp("search") / "runs.db"
    server = ServerProcess(database, program=request.param, url=new_url())
    with grpc.insecure_channel(server.address) as channel:
        yield Api(channel)
    server.stop()


@settings(max_examples=25)
@given(
    runs=RUNS,
    filters=st.lists(FILTERS, min_size=1, max_size=6),
    orders=st.lists(ORDERS, min_size=1, max_size=3),
    size=st.integers(1, 4),
)
def test_any_search_finds_what_a_plain_evaluation_finds_in_the_same_order(
    shared: Api, runs: Any, filters: Any, orders: Any, size: int
) -> None:
    """S1 to S6."""
    name = f"example {next(NUMBER)}"
    create = CreateExperimentRequest(name=name)
    experiment_id = shared.experiments.CreateExperiment(create).experiment_id
    logged = [log(shared, experiment_id, *run) for run in runs]
    for text, is_true in filters:
        for order in orders:
            expected = sorted(
                (run for run in logged if is_true(run)), key=lambda run: place(run, order)
            )
            request = SearchRunsRequest(
                experiment_ids=[experiment_id],
                filter=text,
                order_by=[f"{g}.`{k}` {'DESC' if down else ''}" for g, k, down in order],
                max_results=size,
            )
            found: list[str] = []
            while True:
                page = shared.runs.SearchRuns(request)
                found += [run.info.run_id for run in page.runs]
                if not page.next_page_token:
                    break
                request.page_token = page.next_page_token
            assert found == [run.run_id for run in expected], (text, order)
            request.page_token, request.offset = "", len(found) // 2
            middle = [run.info.run_id for run in shared.runs.SearchRuns(request).runs]
            assert middle == found[request.offset :][:size], (text, order)
        request_count = CountRunsRequest(experiment_ids=[experiment_id], filter=text)
        assert shared.runs.CountRuns(request_count).count == len(expected)


def log(
    api: Api,
    experiment_id: str,
    start: int,
    metrics: dict[str, float],
    params: dict[str, str],
    tags: dict[str, str],
) -> Logged:
    request = CreateRunRequest(experiment_id=experiment_id, start_time=start)
    run_id = api.runs.CreateRun(request).run.info.run_id
    api.logging.Log(
        LogRequest(
            run_id=run_id,
            metrics=[LoggedMetric(key=k, value=v, timestamp=1) for k, v in metrics.items()],
            params=[Param(key=k, value=v) for k, v in params.items()],
            tags=[RunTag(key=k, value=v) for k, v in tags.items()],
        )
    )
    return Logged(run_id, start, metrics, params, tags)
