"""Compares what the processes of a round said with what the server has in the end.

A call counts as said if it returned early enough before its process was killed, or if the process
ended by itself: then the server must have it. A call that began may be there. What nobody said must
not be there, and nothing twice. Early enough is `GRACE_NS` in which the process ran undisturbed,
and did not wait for a disk that syncs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from chaos.journal import Record, Said
from runstream import Run, TrackingClient
from runstream.v1.logging_service_pb2 import LogBatchRequest
from support.api import table_points

#: Time for which what is said may be in memory alone.
GRACE_NS = 100_000_000
#: The longest time between two ticks of a process that is not stopped and not short of a processor.
UNDISTURBED_NS = 15_000_000


class Problem(NamedTuple):
    """Something that is not as it was said.

    Attributes:
        kind: `lost`, `doubled`, `wrong`, `hang`, `raised` or `left`.
        text: what it is.
    """

    kind: str
    text: str


class Statement(NamedTuple):
    """A call, and whether the server must have what it said."""

    said: Said
    must: bool
    process: str


def statements(
    records: Iterable[Record], limits: Mapping[int, int], terminated: Mapping[int, int]
) -> list[Statement]:
    """Return all that was said.

    Args:
        records: the journals.
        limits: for processes that were killed, or whose disk failed, when that was, by process id.
        terminated: for those that were asked to end, when that was: they deliver all before it.
    """
    found = []
    for record in records:
        limit = _limit(record, limits.get(record.pid, record.dropped))
        limit = min(limit, terminated.get(record.pid, limit))
        flushes = [one.begun for one in record.said if one.operation[0] == "flush" and one.done]
        sure = max([limit, *flushes])
        found += [
            Statement(said, said.done is not None and said.done <= sure, record.name)
            for said in record.said
        ]
    return found


def _limit(record: Record, killed: int | None) -> int:
    """Return up to when what was said must be there."""
    if killed is None:
        return record.last
    later, undisturbed = killed, 0
    for tick in reversed([tick for tick in record.ticks if tick < killed]):
        is_syncing = any(begin < later and tick < end for begin, end in record.waits)
        if later - tick <= UNDISTURBED_NS and not is_syncing:
            undisturbed += later - tick
        if undisturbed >= GRACE_NS:
            return tick
        later = tick
    return 0


class Stored:
    """What the server has of the experiment of a round, by the names of runs in scripts."""

    def __init__(self, client: TrackingClient, experiment: str) -> None:
        found = client.search_experiments(filter_string=f"name = '{experiment}'")
        ids = [one.experiment_id for one in found]
        runs = list(client.search_runs(ids)) if ids else []
        self.counts = Counter(run.data.tags.get("chaos", "") for run in runs)
        self.runs: dict[str, Run] = {run.data.tags.get("chaos", ""): run for run in runs}
        self.points: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        self.names = {run.info.run_id: name for name, run in self.runs.items()}
        if runs:
            for part in client.read_metric_history(list(self.names)):
                pairs = zip(part.step, part.value, strict=True)
                self.points[self.names[part.run_id], part.key] += pairs


class Checker:
    """Finds what is wrong with what is stored.

    Attributes:
        said, stored: points that had to be there, and those that are.
    """

    def __init__(
        self,
        said: list[Statement],
        stored: Stored,
        exits: Mapping[str, int | None],
        in_order: bool,
        terminated: Collection[str] = (),
    ) -> None:
        """Compare.

        Args:
            said: all that was said.
            stored: all that is stored.
            exits: the exit status of each process that ended by itself, by its name.
            in_order: whether no call may be missing before one that is stored.
            terminated: the names of processes that were asked to end.
        """
        self._stored = stored
        self._terminated = terminated
        self._exits = exits
        self._in_order = in_order
        self._by_run: dict[str, list[Statement]] = defaultdict(list)
        for statement in said:
            self._by_run[statement.said.run].append(statement)
        self.said = self.stored = 0

    def problems(self) -> Iterator[Problem]:
        """Yield all that is wrong."""
        for name, count in self._stored.counts.items():
            if not self._of(name, "start"):
                if name != "successor":
                    yield Problem("wrong", f"nobody said that a run {name!r} starts")
            elif count > 1:
                yield Problem("doubled", f"run {name} is there {count} times")
        for name in self._by_run:
            if self._of(name, "start"):
                yield from self._run_problems(name)

    def _of(self, run: str, operation: str) -> list[Statement]:
        found = self._by_run.get(run, ())
        return [one for one in found if one.said.operation[0] == operation]

    def _run_problems(self, name: str) -> Iterator[Problem]:
        run = self._stored.runs.get(name)
        if run is None:
            if any(one.must for one in self._of(name, "start")):
                yield Problem("lost", f"run {name}")
            self.said += sum(one.said.operation[3] for one in self._of(name, "points") if one.must)
            return
        yield from self._point_problems(name)
        yield from self._param_problems(name, run)
        yield from self._tag_problems(name, run)
        yield from self._input_problems(name, run)
        yield from self._status_problems(name, run)

    def _point_problems(self, name: str) -> Iterator[Problem]:
        stored = {key: points for (run, key), points in self._stored.points.items() if run == name}
        said: dict[str, dict[tuple[int, float], bool]] = defaultdict(dict)
        for one in self._of(name, "points"):
            _, key, step, count, value = one.said.operation
            said[key] |= {(step + i, value + i): one.must for i in range(count)}
        for key in {*stored, *said}:
            there, expected = Counter(stored.get(key, ())), said.get(key, {})
            self.said += sum(expected.values())
            self.stored += sum(there.values())
            lost = sorted(point for point, must in expected.items() if must and point not in there)
            if lost:
                yield Problem("lost", f"{len(lost)} points of {key} of run {name}: {_some(lost)}")
            doubled = [point for point, count in there.items() if count > 1]
            if doubled:
                yield Problem("doubled", f"{len(doubled)} of {key} of run {name}: {_some(doubled)}")
            unsaid = [point for point in there if point not in expected]
            if unsaid:
                yield Problem("wrong", f"nobody said {key} of run {name}: {_some(unsaid)}")
            last = max(there, default=None)
            gaps = [p for p in sorted(expected) if last and p < last and p not in there]
            if gaps and self._in_order and not lost:
                yield Problem("wrong", f"{key} of run {name} goes on behind a gap: {_some(gaps)}")

    def _param_problems(self, name: str, run: Run) -> Iterator[Problem]:
        expected: dict[str, tuple[str, bool]] = {}
        for one in self._of(name, "params"):
            expected |= {key: (value, one.must) for key, value in one.said.operation[1].items()}
        for key, (value, must) in expected.items():
            if key not in run.data.params and must:
                yield Problem("lost", f"param {key} of run {name}")
            elif run.data.params.get(key, value) != value:
                yield Problem("wrong", f"param {key} of run {name}: {run.data.params[key]}")
        for key in run.data.params.keys() - expected.keys():
            yield Problem("wrong", f"nobody said param {key} of run {name}")

    def _tag_problems(self, name: str, run: Run) -> Iterator[Problem]:
        """The last value that had to be there stands, or one that was said after it."""
        values: dict[str, list[str | None]] = {}
        for one in self._of(name, "tag"):
            _, key, value = one.said.operation
            before = [] if one.must else values.get(key, [None])
            values[key] = [*before, value]
        stored = {key: value for key, value in run.data.tags.items() if key.startswith("t.")}
        for key in {*stored, *values}:
            if stored.get(key) not in values.get(key, ()):
                text = f"tag {key} of run {name} is {stored.get(key)}, not of {values.get(key)}"
                yield Problem("lost" if key in values else "wrong", text)

    def _input_problems(self, name: str, run: Run) -> Iterator[Problem]:
        there = Counter(one.dataset.name for one in run.inputs.dataset_inputs)
        said = {one.said.operation[1]: one.must for one in self._of(name, "input")}
        for dataset, must in said.items():
            if must and not there[dataset]:
                yield Problem("lost", f"input {dataset} of run {name}")
        for dataset, count in there.items():
            if count > 1:
                yield Problem("doubled", f"input {dataset} of run {name}")
            if dataset not in said:
                yield Problem("wrong", f"nobody said input {dataset} of run {name}")

    def _status_problems(self, name: str, run: Run) -> Iterator[Problem]:
        """A run that was ended has that status, and all that was said before."""
        ends = self._of(name, "end")
        status = run.info.status
        (start,) = self._of(name, "start")
        parent = self._stored.runs.get(start.said.operation[1])
        named = run.data.tags.get("mlflow.parentRunId")
        if named != (parent and parent.info.run_id):
            yield Problem("wrong", f"run {name} has the parent {named}")
        exit_status = self._exits.get(start.process)
        if ends:
            chosen, must = ends[-1].said.operation[1], ends[-1].must
        else:  # the end of the program ended it
            chosen, must = "FAILED" if exit_status else "FINISHED", exit_status is not None
        if start.process in self._terminated and status != "RUNNING" and not (ends and must):
            return  # it was KILLED, or the program was ending already
        if must and status != chosen:
            yield Problem("lost", f"the end of run {name}: it is {status}, not {chosen}")
        elif status not in {chosen, "RUNNING", "FAILED"}:  # FAILED as one that is lost
            yield Problem("wrong", f"run {name} is {status}")


def batch_problems(batches: Iterable[LogBatchRequest], stored: Stored) -> Iterator[Problem]:
    """Yield what is missing of batches that were whole on disk after a crash."""
    for batch in batches:
        name = stored.names.get(batch.run_id)
        if name is None:
            fields = ", ".join(field.name for field, _ in batch.ListFields())
            text = f"run {batch.run_id!r}, of which a batch of {fields} is whole on disk"
            yield Problem("lost", text)
            continue
        for key, step, _, value in table_points(batch.metrics):
            if (step, value) not in stored.points[name, key]:
                text = f"step {step} of {key} of run {name}, which is whole on disk"
                yield Problem("lost", text)
                break


def _some(points: list[Any]) -> str:
    return ", ".join(map(str, points[:3])) + (", …" if len(points) > 3 else "")
