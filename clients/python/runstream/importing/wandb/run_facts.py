"""What the records of a run say of it, but for its history: config, summary, environment, end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runstream.importing.wandb.log_frames import Damage, read_records
from runstream.importing.wandb.messages import (
    HISTORY,
    VALUE_TAG,
    read_message,
    read_path,
    record_kind,
    split_item,
)

#: W&B's project of a run that names none.
DEFAULT_PROJECT = "uncategorized"


@dataclass(frozen=True)
class LoggedArtifact:
    """An artifact that a run logged; `files` are (path in it, place on the machine)."""

    name: str
    type: str
    files: list[tuple[str, str]]
    is_partial: bool  # some of it is elsewhere: a reference, or a manifest in another file


@dataclass
class RunFacts:
    """A run, of all its files.

    Attributes:
        exit_code: None if the run was cut without saying that it ends.
        step_metrics: the metric that has the steps of another, by name or by prefix and `*`.
        rewound_to: for each file, in their order, the last step of earlier ones that stays.
        has_output: whether anything of the console is there.
        last_time: milliseconds since the epoch, the latest that was read.
        left_out: what has no place here, and how often it is there.
    """

    run_id: str = ""
    entity: str = ""
    project: str = ""
    name: str = ""
    notes: str = ""
    labels: list[str] = field(default_factory=list)
    group: str = ""
    job_type: str = ""
    sweep: str = ""
    host: str = ""
    forked_from: str = ""
    start_time: int = 0
    last_time: int = 0
    git_commit: str = ""
    git_remote: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    step_metrics: dict[str, str] = field(default_factory=dict)
    artifacts: list[LoggedArtifact] = field(default_factory=list)
    used_artifacts: list[str] = field(default_factory=list)
    rewound_to: list[float | None] = field(default_factory=list)
    has_output: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def experiment(self) -> str:
        """Return the name of the experiment of its project."""
        project = self.project or DEFAULT_PROJECT
        return f"{self.entity}/{project}" if self.entity else project


def read_identity(path: Path) -> RunFacts | None:
    """Return what a file says of its run at its beginning, None if there is no run in it."""
    facts = _Reader()
    for data in read_records(path, lambda _at, _why: None):
        record = read_message("Record", data)
        if record.HasField("run"):
            facts.add_run(record.run)
            return facts.found
    return None


def read_facts(files: Iterable[tuple[Path, Damage]]) -> RunFacts:
    """Read all files of a run, oldest first.

    Args:
        files: each file, and what is told of its damage.

    Raises:
        InvalidArgument: one is no file of W&B.
        ValueError: a record is no message.
    """
    reader = _Reader()
    for path, damage in files:
        reader.begin_file()
        for data in read_records(path, damage):
            if record_kind(data) != HISTORY:
                reader.add(read_message("Record", data))
        reader.end_file()
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found = RunFacts()
        self._runs = 0
        self._summary: dict[bytes, bytes] = {}  # by keys of items

    def begin_file(self) -> None:
        self._runs = 0
        self.found.exit_code = None
        self.found.rewound_to.append(None)

    def end_file(self) -> None:
        """Take over the summary, whose values are read once: each row of the history has one."""
        for key, text in self._summary.items():
            put_value(self.found.summary, read_path(key), parse_json(text))
        self._summary.clear()

    def add(self, record: Any) -> None:
        """Take over a record, unless nothing of its kind is known."""
        fields = record.ListFields()
        if fields:
            add = getattr(self, f"_add_{fields[0][0].name}", None)
            if add is not None:
                add(fields[0][1])

    def add_run(self, run: Any) -> None:
        """Take over the record of a run; later ones, of its server, say what changed."""
        found = self.found
        for ours, theirs in (
            ("run_id", "run_id"),
            ("entity", "entity"),
            ("project", "project"),
            ("name", "display_name"),
            ("notes", "notes"),
            ("group", "run_group"),
            ("job_type", "job_type"),
            ("sweep", "sweep_id"),
            ("host", "host"),
        ):
            setattr(found, ours, getattr(run, theirs) or getattr(found, ours))
        found.labels = list(dict.fromkeys([*found.labels, *run.tags]))
        self._add_git(run.git)
        start = to_milliseconds(run.start_time)
        found.start_time = min(start, found.start_time or start)
        found.last_time = max(found.last_time, start)
        _update(found.config, run.config)
        self._add_summary(run.summary)
        if run.HasField("branch_point"):
            point = run.branch_point
            if point.run == found.run_id and found.rewound_to:
                found.rewound_to[-1] = point.value
            else:
                found.forked_from = f"{point.run}?{point.metric or '_step'}={point.value:g}"

    def _add_run(self, run: Any) -> None:
        self.add_run(run)

    def _add_config(self, update: Any) -> None:
        _update(self.found.config, update)

    def _add_stats(self, stats: Any) -> None:
        self._see(stats.timestamp)

    def _add_output(self, output: Any) -> None:
        self._see(output.timestamp)
        self.found.has_output = True

    _add_output_raw = _add_output

    def _add_use_artifact(self, used: Any) -> None:
        self.found.used_artifacts.append(used.name or used.id)

    def _add_exit(self, end: Any) -> None:
        self.found.exit_code = end.exit_code

    def _add_alert(self, _alert: Any) -> None:
        self.found.left_out["alerts, which would be sent again"] += 1

    def _add_tbrecord(self, _record: Any) -> None:
        self.found.left_out["TensorBoard folders: see `runstream import tensorboard`"] += 1

    def _add_summary(self, update: Any) -> None:
        # Each row of the history has such a record, of as many values.
        summary = self._summary
        for item in update.update:
            key, _, text = item.rpartition(VALUE_TAG)
            if text and text[0] + 1 == len(text):
                summary[key] = text[1:]
            else:
                key, text = split_item(item)
                summary[key] = text
        if update.remove:
            self.end_file()
            for item in update.remove:
                _remove(self.found.summary, read_path(item))

    def _add_metric(self, metric: Any) -> None:
        # W&B writes a dot of a name as `\\.`, to tell it from that between names.
        name = (metric.name or metric.glob_name).replace("\\.", ".")
        step = metric.step_metric.replace("\\.", ".")
        if name and step and step != "_step" and step != name:
            self.found.step_metrics[name] = step

    def _add_environment(self, environment: Any) -> None:
        values = {
            "os": environment.os,
            "python": environment.python,
            "args": list(environment.args),
            "program": environment.code_path or environment.program,
            "email": environment.email,
            "host": environment.host,
            "username": environment.username,
        }
        self.found.environment.update({key: value for key, value in values.items() if value})
        self._add_git(environment.git)

    def _add_git(self, git: Any) -> None:
        self.found.git_commit = git.commit or self.found.git_commit
        self.found.git_remote = git.remote_url or self.found.git_remote

    def _add_artifact(self, artifact: Any) -> None:
        if artifact.type == "run_table":
            return  # the same table is among the media
        manifest = artifact.manifest
        entries = manifest.contents
        self.found.artifacts.append(
            LoggedArtifact(
                artifact.name,
                artifact.type,
                [(entry.path, entry.local_path) for entry in entries if entry.local_path],
                bool(manifest.manifest_file_path) or not all(one.local_path for one in entries),
            )
        )

    def _see(self, time: Any) -> None:
        self.found.last_time = max(self.found.last_time, to_milliseconds(time))


def to_milliseconds(time: Any) -> int:
    """Return a timestamp of a record in milliseconds since the epoch."""
    return max(0, int(time.seconds) * 1000 + int(time.nanos) // 1_000_000)


def parse_json(text: bytes | str) -> Any:
    """Return the value of a JSON text of W&B; what is no JSON stays a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text if isinstance(text, str) else text.decode(errors="replace")


def _update(tree: dict[str, Any], update: Any) -> None:
    for item in update.update:
        key, text = split_item(item)
        put_value(tree, read_path(key), parse_json(text))
    for item in update.remove:
        _remove(tree, read_path(item))


def put_value(tree: dict[str, Any], path: Iterable[str], value: Any) -> None:
    """Put a value into nested dictionaries, by the names that lead to it."""
    *above, last = path
    for name in above:
        below = tree.get(name)
        if not isinstance(below, dict):
            below = tree[name] = {}
        tree = below
    tree[last] = value


def _remove(tree: dict[str, Any], path: list[str]) -> None:
    for name in path[:-1]:
        below = tree.get(name)
        if not isinstance(below, dict):
            return
        tree = below
    tree.pop(path[-1], None)
