"""Folders that W&B wrote: `offline-run-*` and `run-*`, of which nothing is changed."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from runstream.importing.source import (
    ArtifactFiles,
    Note,
    PointColumns,
    Source,
    SourceExperiment,
    SourceLine,
    SourceRun,
)
from runstream.importing.wandb.console import assemble_lines
from runstream.importing.wandb.history import PART_POINTS, HistoryColumns, find_integral
from runstream.importing.wandb.log_frames import read_records
from runstream.importing.wandb.media import RunMedia
from runstream.importing.wandb.messages import (
    HISTORY,
    OUTPUT,
    OUTPUT_RAW,
    STATS,
    read_message,
    read_path,
    record_kind,
    split_item,
)
from runstream.importing.wandb.offline_runs import find_runs
from runstream.importing.wandb.run_facts import RunFacts, parse_json, read_facts, to_milliseconds
from runstream.importing.wandb.run_files import RunFiles
from runstream.importing.wandb.run_tags import flatten_summary, is_media, to_params, to_tags
from runstream.importing.wandb.system_stats import to_system_metric

#: The tag of a run: how many bytes its files had when it was copied.
BYTES_TAG = "wandb.bytes"

# A program that goes on writes system metrics every 15 seconds. A run whose files have not changed
# for so long, and do not say that it has ended, was killed.
SILENCE_SECONDS = 600.0


class OfflineSource(Source):
    """A source that reads W&B's folders, and no file outside of them.

    The files of a run that was resumed have the same id, and are one run.
    """

    tracker = "wandb"

    def __init__(self, path: Path, local_artifacts: Path | None = None) -> None:
        """Find the runs.

        Args:
            path: a folder `wandb`, or one that has it; the folder of a run; a file `.wandb`.
            local_artifacts: folder from which files of logged artifacts may be copied. W&B keeps
                those outside of the folders of runs until they are synced.

        Raises:
            InvalidArgument: there is no run.
        """
        self._local_artifacts = local_artifacts
        self._runs = find_runs(path)
        self._facts = RunFacts()
        self._files: dict[str, RunFiles] = {}  # of runs whose artifacts are still to be copied
        self._left_out: Counter[str] = Counter()

    def read_experiments(self, note: Note) -> Iterator[SourceExperiment]:
        """Yield an experiment for each project."""
        for file, why in self._runs.broken:
            note(str(file), why)
        for name in self._runs.experiments:
            yield SourceExperiment(name, name)

    def find_run_ids(self, experiment: SourceExperiment, note: Note) -> Sequence[str]:
        """Return the ids of the runs of a project, oldest first."""
        return self._runs.experiments[experiment.id]

    def has_more(self, run_id: str, tags: Mapping[str, str]) -> bool:
        """Return whether files of a run have grown, or there are more, since it was copied."""
        return tags.get(BYTES_TAG) != self._runs.count_bytes(run_id)

    def read_run(self, run_id: str, note: Note) -> SourceRun:
        """Return a run."""
        files = self._runs.logs[run_id]
        size = self._runs.count_bytes(run_id)
        changed = max(file.stat().st_mtime for file in files)
        self._facts = facts = read_facts(
            (file, partial(_note_damage, note, file)) for file in files
        )
        self._left_out += facts.left_out
        status, end_time = _find_end(facts, changed)
        return SourceRun(
            run_id=run_id,
            name=facts.name,
            user_id=str(facts.environment.get("username", "")),
            status=status,
            start_time=facts.start_time,
            end_time=end_time,
            artifact_uri="",
            params=to_params(facts.config),
            tags=to_tags(facts) | {BYTES_TAG: size},
            source_id="/".join(filter(None, (facts.entity, facts.project, facts.run_id))),
        )

    def read_points(self, run: SourceRun, note: Note) -> Iterator[PointColumns]:
        """Yield the history, the system metrics, and what only the summary has."""
        facts = self._facts
        logs = self._runs.logs[run.run_id]
        files = RunFiles(run.run_id, logs, facts, self._local_artifacts, note)
        self._files[run.run_id] = files
        names = frozenset(facts.step_metrics.values())
        integral = find_integral(self._read_rows(run.run_id), names) if names else names
        for name in names - integral:
            self._left_out[f"steps of metrics by {name}, which is no integer"] += 1
        columns = HistoryColumns(
            facts.step_metrics, integral, files.media, facts.start_time, note, f"run {run.run_id}"
        )
        samples = 0
        for number, file in enumerate(logs):
            later = [to for to in facts.rewound_to[number + 1 :] if to is not None]
            limit = min(later, default=math.inf)
            for record in _read_messages(file, {HISTORY, STATS}):
                if record.HasField("history"):
                    step = _find_step(record.history)
                    if step <= limit:
                        columns.add_items(record.history.item, step)
                elif record.HasField("stats"):
                    _add_stats(columns, record.stats, samples)
                    samples += 1
                if len(columns) >= PART_POINTS:
                    yield columns.take()
        if len(columns):
            yield columns.take()
        add_summary(columns, facts.summary, files.media)
        if len(columns):
            yield columns.take()

    def read_console(self, run: SourceRun, note: Note) -> Iterator[SourceLine]:
        """Yield what the program wrote."""
        if self._facts.has_output:
            for file in self._runs.logs[run.run_id]:
                yield from assemble_lines(_read_output(file))

    @contextmanager
    def open_artifacts(self, owner: str, uri: str) -> Iterator[ArtifactFiles | None]:
        """Provide media, the files of the run, and those of artifacts that it logged."""
        files = self._files.pop(owner, None)
        if files is None:
            yield None
            return
        try:
            yield files.collect()
        finally:
            files.close()

    def count_left_out(self) -> Mapping[str, int]:
        """Return what has no place here."""
        return self._left_out

    def _read_rows(self, run_id: str) -> Iterator[Any]:
        for file in self._runs.logs[run_id]:
            for record in _read_messages(file, {HISTORY}):
                yield record.history.item


def _read_messages(file: Path, kinds: Collection[int]) -> Iterator[Any]:
    """Yield the records of some kinds of a file, whose damage was told before."""
    for data in read_records(file, _ignore_damage):
        if record_kind(data) in kinds:
            yield read_message("Record", data)


def _read_output(file: Path) -> Iterator[tuple[int, int, str]]:
    """Yield type, time and text of what a program wrote."""
    for record in _read_messages(file, {OUTPUT, OUTPUT_RAW}):
        for output in (record.output, record.output_raw):
            if output.line:
                yield output.output_type, to_milliseconds(output.timestamp), output.line


def _note_damage(note: Note, file: Path, position: int, why: str) -> None:
    note(f"{file}, at byte {position}", why)


def _ignore_damage(_position: int, _why: str) -> None:
    """Say nothing: what is damaged was told when the file was read first."""


def _find_step(history: Any) -> int:
    if history.HasField("step"):
        return int(history.step.num)
    for item in history.item:
        key, text = split_item(item)
        if read_path(key) == ["_step"]:
            return int(float(text))
    return 0


def _find_end(facts: RunFacts, changed: float) -> tuple[str, int | None]:
    """Return status and end of a run, whose files were changed at a time of the clock."""
    if facts.exit_code is None and time.time() - changed < SILENCE_SECONDS:
        return "RUNNING", None
    seen = facts.summary.get("_timestamp")
    last = round(seen * 1000) if isinstance(seen, (int, float)) and 0 <= seen < 1e12 else 0
    status = "FINISHED" if facts.exit_code == 0 else "FAILED"
    return status, max(facts.last_time, last)


def _add_stats(columns: HistoryColumns, stats: Any, sample: int) -> None:
    timestamp = to_milliseconds(stats.timestamp)
    for item in stats.item:
        value = parse_json(item.value_json)
        if isinstance(value, (int, float)):
            name, factor = to_system_metric(item.key)
            columns.add_point(name, value * factor, sample, timestamp)


def add_summary(columns: HistoryColumns, summary: Mapping[str, Any], media: RunMedia) -> None:
    """Add what a summary says of numbers and media, where the history does not say it.

    A number of a metric that has no history is its only point; one that differs from the last value
    of its history is the point of a metric with `summary/` before its name.
    """
    for name, value in flatten_summary(summary):
        if is_media(value):
            if name not in media.keys:
                media.add(name, columns.last_step, columns.time, value)
        elif isinstance(value, (int, float)):
            last = columns.last.get(name)
            if last is None:
                columns.add_point(name, value, columns.last_step, columns.time)
            elif value != last and not (math.isnan(value) and math.isnan(last)):
                columns.add_point(f"summary/{name}", value, columns.last_step, columns.time)
