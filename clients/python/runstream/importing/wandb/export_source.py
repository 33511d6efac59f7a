"""An export of W&B's public API: a folder for each run, with `run.json` and its history."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from runstream.errors import InvalidArgument
from runstream.importing.run_ids import derive_run_id
from runstream.importing.source import (
    ArtifactFiles,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceRun,
)
from runstream.importing.wandb.history import PART_POINTS, HistoryColumns
from runstream.importing.wandb.offline_source import add_summary
from runstream.importing.wandb.run_facts import RunFacts
from runstream.importing.wandb.run_files import RunFiles
from runstream.importing.wandb.run_tags import to_params, to_tags

_STATUS = {
    "finished": "FINISHED",
    "failed": "FAILED",
    "crashed": "FAILED",
    "killed": "KILLED",
    "running": "RUNNING",
}
#: The forms of a history: rows of `scan_history` or `history`, the first that is there.
HISTORY_FILES = ("history.jsonl", "history.json", "history.csv")


class ExportSource(Source):
    """A source that reads what a program wrote with W&B's public API (docs/importing.md)."""

    tracker = "wandb"

    def __init__(self, path: Path) -> None:
        """Find the runs.

        Args:
            path: a folder with a folder for each run at any depth, or that of a run.

        Raises:
            InvalidArgument: there is no run.
        """
        self._runs: dict[str, tuple[Path, dict[str, Any]]] = {}
        self._experiments: dict[str, list[str]] = defaultdict(list)
        self._broken: list[tuple[Path, str]] = []
        self._files: dict[str, RunFiles] = {}
        self._facts = RunFacts()
        found = sorted(path.rglob("run.json"))
        if not found:
            raise InvalidArgument(
                f"{path} has no run of W&B: no file run-*.wandb, and no run.json of an export",
                reason="SOURCE_MALFORMED",
                field="source",
                value=path,
            )
        for file in found:
            try:
                run = json.loads(file.read_text(encoding="utf-8"))
                facts = _to_facts(run)
            except (OSError, ValueError, TypeError, AttributeError) as error:
                self._broken.append((file, str(error)))
                continue
            run_id = derive_run_id("wandb", facts.entity, facts.project, facts.run_id)
            self._runs[run_id] = file.parent, run
            self._experiments[facts.experiment].append(run_id)

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield an experiment for each project."""
        for file, why in self._broken:
            note(str(file), why)
        for name in self._experiments:
            yield SourceExperiment(name, name)

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the runs of a project."""
        return self._experiments[experiment.id]

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        _, run = self._runs[run_id]
        self._facts = facts = _to_facts(run)
        status = _STATUS.get(str(run.get("state")), "FAILED")
        seen = facts.summary.get("_timestamp")
        end_time = facts.start_time
        if isinstance(seen, (int, float)) and 0 <= seen < 1e12:
            end_time = max(end_time, round(seen * 1000))
        return SourceRun(
            run_id=run_id,
            name=facts.name,
            user_id=str(facts.environment.get("username", "")),
            status=status,
            start_time=facts.start_time,
            end_time=None if status == "RUNNING" else end_time,
            artifact_uri="",
            params=to_params(facts.config),
            tags=to_tags(facts),
            source_id="/".join(filter(None, (facts.entity, facts.project, facts.run_id))),
            url=str(run.get("url") or ""),
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield the history, and what only the summary has."""
        facts, what = self._facts, f"run {run.run_id}"
        folder, _ = self._runs[run.run_id]
        files = RunFiles(run.run_id, [folder / "run.json"], facts, None, note)
        self._files[run.run_id] = files
        columns = HistoryColumns({}, frozenset(), files.media, facts.start_time, note, what)
        file = next((folder / name for name in HISTORY_FILES if (folder / name).is_file()), None)
        if file is None:
            note(f"history of {what}", f"{folder} has none of {', '.join(HISTORY_FILES)}")
            return
        for number, row in enumerate(_read_rows(file, note)):
            step = row.get("_step")
            columns.add_row(row, int(step) if isinstance(step, (int, float)) else number)
            if len(columns) >= PART_POINTS:
                yield columns.take()
        if len(columns):
            yield columns.take()
        add_summary(columns, facts.summary, files.media)
        if len(columns):
            yield columns.take()

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide media and files that were downloaded to `files` beside `run.json`."""
        files = self._files.pop(owner, None)
        if files is None:
            yield None
            return
        try:
            yield files.collect()
        finally:
            files.close()


def _to_facts(run: Mapping[str, Any]) -> RunFacts:
    """Return what the attributes of a run of the public API say.

    Raises:
        TypeError: it has no id, or a part of it is of another kind.
        ValueError: its time is none.
    """
    if not isinstance(run, dict) or not isinstance(run.get("id"), str):
        raise TypeError("it is no object with the id of a run")
    for name in ("config", "summary"):
        if not isinstance(run.get(name) or {}, dict):
            raise TypeError(f"{name} is no object")
    created = run.get("created_at")
    start = datetime.fromisoformat(str(created).replace("Z", "+00:00")) if created else None
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=timezone.utc)

    def text(name: str) -> str:
        return str(run.get(name) or "")

    return RunFacts(
        run_id=run["id"],
        entity=text("entity"),
        project=text("project"),
        name=text("name"),
        notes=text("notes"),
        group=text("group"),
        job_type=text("job_type"),
        sweep=text("sweep"),
        labels=[str(label) for label in run.get("tags") or ()],
        start_time=0 if start is None else max(0, round(start.timestamp() * 1000)),
        environment={"username": str(run["user"])} if run.get("user") else {},
        git_commit=str(run.get("commit") or ""),
        config=run.get("config") or {},
        summary=run.get("summary") or {},
    )


def _read_rows(file: Path, note: Note) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", newline="") as lines:
        if file.suffix == ".csv":
            for cells in csv.DictReader(lines):
                yield {key: _parse_cell(cell) for key, cell in cells.items() if key and cell}
        elif file.suffix == ".json":
            yield from (row for row in json.load(lines) if isinstance(row, dict))
        else:
            for number, line in enumerate(lines, 1):
                try:
                    row = json.loads(line)
                except ValueError as error:
                    note(f"{file}:{number}", str(error))
                    continue
                if isinstance(row, dict):
                    yield row


def _parse_cell(cell: Any) -> Any:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return {"True": True, "False": False}.get(cell, cell) if isinstance(cell, str) else None
