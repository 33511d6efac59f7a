"""Fixtures: runs that searches find."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import grpc
import pytest

from support.api import Api
from support.named_runs import NamedRuns
from support.server_process import ServerProcess

NAN, INF = math.nan, math.inf


@pytest.fixture
def runs(api: Api) -> NamedRuns:
    return NamedRuns(api)


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, new_url: Callable[[], str | None]
) -> Iterator[NamedRuns]:
    """The runs of `sweep` on a server that tests share which only search."""
    server = ServerProcess(tmp_path_factory.mktemp("search") / "runs.db", url=new_url())
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
