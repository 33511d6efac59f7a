"""What all imports share (`runstream.importing.importer`), with a source of the test's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from runstream import TrackingClient
from runstream.cli.import_command import copy_source
from runstream.errors import NotFound
from runstream.importing.dry_run import DryRun
from runstream.importing.report import MAX_PROBLEMS
from runstream.importing.run_ids import derive_run_id
from runstream.importing.source import (
    ArtifactFiles,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceLine,
    SourceRun,
)


def make_run(number: int, status: str = "FINISHED") -> SourceRun:
    name = f"run-{number}"
    return SourceRun(
        run_id=derive_run_id("notebook", name),
        name=name,
        user_id="ada",
        status=status,
        start_time=1_000,
        end_time=2_000 if status == "FINISHED" else None,
        artifact_uri="",
        params={"lr": "0.1"},
        tags={"team": "blue"},
        source_id=name,
        url=f"https://notebook.example/{name}",
    )


@dataclass
class NotebookSource(Source):
    """Runs that are in memory; `points` of each, in parts of 1,000."""

    experiment: str
    files: Path
    points: int = 10
    bad_points: int = 0
    runs: dict[str, SourceRun] = field(default_factory=dict)

    tracker = "notebook"

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        yield SourceExperiment("1", self.experiment, {"owner": "ada"})

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        return list(self.runs)

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        return self.runs[run_id]

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        for number in range(self.bad_points):
            note(f"point {number}", "it is broken")
        for start in range(0, self.points, 1_000):
            steps = range(start, min(start + 1_000, self.points))
            ones = [1.0] * len(steps)
            yield PointColumns(["loss"], [0] * len(steps), list(steps), list(steps), ones)

    def read_console(self, run: SourceRun, note: Note) -> Iterator[SourceLine]:
        yield SourceLine("stdout", 1_500, "epoch 1")
        yield SourceLine("stderr", 1_600, "ä" * 10_000)

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        yield ArtifactFiles(self.files, self.files)

    def count_left_out(self) -> Mapping[str, int]:
        return {"traces: there is no place for them": 3}


@pytest.fixture
def notebook(tmp_path: Path, request: pytest.FixtureRequest) -> NotebookSource:
    """A source with three runs, in an experiment of its own."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "model.txt").write_text("weights")
    source = NotebookSource(request.node.name, folder)
    for number in range(3):
        run = make_run(number)
        run = replace(run, run_id=derive_run_id("notebook", request.node.name, run.name))
        source.runs[run.run_id] = run
    return source


def test_ids_of_other_trackers_become_ids_of_runs() -> None:
    first = derive_run_id("wandb", "team", "ab")
    assert first == derive_run_id("wandb", "team", "ab")
    others = [("wandb", "teama", "b"), ("aim", "team", "ab"), ("wandb", "team", "\udcff")]
    assert len({first, *(derive_run_id(*names) for names in others)}) == 4
    assert len(first) == 32
    assert set(first) <= set("0123456789abcdef")


def test_a_run_is_copied_with_where_it_came_from(
    client: TrackingClient, notebook: NotebookSource
) -> None:
    report = copy_source(notebook, client)
    assert report.problem_count == 0
    assert (report.runs, report.points, report.params, report.tags) == (3, 30, 3, 3)
    assert (report.artifacts, report.console_lines) == (3, 3 * 4)
    assert report.left_out == {"traces: there is no place for them": 3}
    run_id, run = next(iter(notebook.runs.items()))
    stored = client.get_run(run_id)
    assert (stored.info.status, stored.info.end_time) == ("FINISHED", 2_000)
    assert stored.data.params == run.params
    origin = {"tracker": "notebook", "id": "run-0", "url": "https://notebook.example/run-0"}
    expected = {f"runstream.import.{key}": value for key, value in origin.items()}
    assert expected.items() <= stored.data.tags.items()
    assert stored.data.tags["runstream.import"] == "complete"
    assert client.load_text(run_id, "model.txt") == "weights"
    lines = list(client.read_console(run_id))
    assert (lines[0].stream, lines[0].timestamp, lines[0].text) == ("stdout", 1_500, "epoch 1")
    assert "".join(line.text for line in lines[1:]) == "ä" * 10_000  # more than one line may have
    assert {line.stream for line in lines[1:]} == {"stderr"}


def test_a_run_that_goes_on_is_continued_and_one_that_is_complete_passed_over(
    client: TrackingClient, notebook: NotebookSource
) -> None:
    first = next(iter(notebook.runs))
    ended = notebook.runs[first]
    notebook.runs[first] = replace(ended, status="RUNNING", end_time=None)
    copy_source(notebook, client)
    assert client.get_run(first).info.status == "RUNNING"
    notebook.runs[first] = ended
    notebook.points = 15
    report = copy_source(notebook, client)
    assert (report.runs, report.runs_already_there) == (1, 2)
    assert client.get_run(first).info.status == "FINISHED"
    assert len(client.get_metric_history(first, "loss")) == 15
    assert len(list(client.read_console(first))) == 4


def test_a_dry_run_counts_the_same_and_writes_nothing(
    client: TrackingClient, notebook: NotebookSource
) -> None:
    first, second, _ = notebook.runs
    params = {"lr": "0.1", "long": "x" * 70_000}
    notebook.runs[first] = replace(notebook.runs[first], params=params)
    notebook.runs[second] = replace(notebook.runs[second], name="x" * 70_000)
    planned = copy_source(notebook, DryRun(client))
    assert client.get_experiment_by_name(notebook.experiment) is None
    for run_id in notebook.runs:
        with pytest.raises(NotFound):
            client.get_run(run_id)
    done = copy_source(notebook, client)
    for report in (planned, done):
        report.problems.sort()  # runs are copied side by side
    assert planned.counts() == done.counts()
    assert (done.runs, len(done.problems)) == (2, 2)
    again = copy_source(notebook, DryRun(client))
    assert (again.runs, again.runs_already_there) == (1, 1)


def test_problems_without_end_are_told_and_then_counted(
    client: TrackingClient, notebook: NotebookSource
) -> None:
    notebook.bad_points = MAX_PROBLEMS
    report = copy_source(notebook, client)
    assert len(report.problems) == MAX_PROBLEMS
    assert report.more_problems == 2 * MAX_PROBLEMS
    assert report.runs == 3
    tags = [client.get_run(run_id).data.tags for run_id in notebook.runs]
    assert all("runstream.import" not in one for one in tags)
