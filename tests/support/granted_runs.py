"""A run that some may read, and an experiment where everybody writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from runstream.v1.access_service_pb2 import GrantRole, SetGrantRequest
from runstream.v1.console_pb2 import ConsoleLine, ConsoleStream
from runstream.v1.run_pb2 import RunTag
from runstream.v1.run_service_pb2 import CreateRunRequest
from support.access import GuardedServer
from support.api import Api, make_batch

EVERYBODY = "group:everyone"
READER, WRITER = GrantRole.GRANT_ROLE_READER, GrantRole.GRANT_ROLE_WRITER


@dataclass(frozen=True)
class Runs:
    """A run to which Ada writes and which Bob reads, and an experiment where everybody writes.

    Attributes:
        secret: the experiment of the run.
        run_id: the run; its param and tag are found by searches.
        common: the other experiment, without runs.
    """

    guarded: GuardedServer
    secret: str
    run_id: str
    common: str

    def api(self, name: str) -> Api:
        return self.guarded.apis[name]

    def grant(self, experiment_id: str, grantee: str, role: Any) -> None:
        request = SetGrantRequest(experiment_id=experiment_id, grantee=grantee, role=role)
        self.api("root").access.SetGrant(request)

    def create_run(self, name: str, experiment_id: str, *tags: tuple[str, str]) -> str:
        request = CreateRunRequest(
            experiment_id=experiment_id, tags=[RunTag(key=key, value=value) for key, value in tags]
        )
        run_id: str = self.api(name).runs.CreateRun(request).run.info.run_id
        return run_id


def make_runs(guarded: GuardedServer, test: str) -> Runs:
    """Make an experiment with a run for Ada and Bob, and one for everybody, named after a test."""
    root = guarded.apis["root"]
    made = Runs(guarded, root.create_experiment(f"{test} s"), "", root.create_experiment(test))
    made.grant(made.secret, "user:ada", WRITER)
    made.grant(made.secret, "user:bob", READER)
    made.grant(made.common, EVERYBODY, WRITER)
    made = replace(made, run_id=made.create_run("ada", made.secret))
    batch = make_batch(made.run_id, [("loss", 1, 2, 0.5)], [("lr", "0.1")], [("team", "red")])
    batch.console.append(
        ConsoleLine(stream=ConsoleStream.CONSOLE_STREAM_STDOUT, timestamp=1, text="hello", writer=1)
    )
    assert [answer.error.reason for answer in made.api("ada").log_batches([batch])] == [""]
    return made
