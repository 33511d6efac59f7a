"""Which runs are in the folders that W&B wrote."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from runstream.errors import InvalidArgument, RunstreamError
from runstream.importing.run_ids import derive_run_id
from runstream.importing.wandb.run_facts import RunFacts, read_identity


@dataclass
class OfflineRuns:
    """Runs by the ids that they have here.

    Attributes:
        logs: the `.wandb` files of each run, oldest first; one that was resumed has several.
        experiments: the runs of each experiment, oldest first.
        broken: files that cannot be read, and why.
    """

    logs: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    experiments: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    broken: list[tuple[Path, str]] = field(default_factory=list)

    def count_bytes(self, run_id: str) -> str:
        """Return how many bytes the files of a run have, as a text."""
        return str(sum(file.stat().st_size for file in self.logs[run_id]))


def find_runs(path: Path) -> OfflineRuns:
    """Return the runs below a path.

    Args:
        path: a folder `wandb`, or one that has it; the folder of a run; a file `.wandb`.

    Raises:
        InvalidArgument: there is none.
    """
    runs = OfflineRuns()
    files = _find_files(path)
    if not files:
        raise InvalidArgument(
            f"{path} has no run of W&B: no file run-*.wandb",
            reason="SOURCE_MALFORMED",
            field="source",
            value=path,
        )
    found: list[tuple[int, Path, RunFacts]] = []
    for file in files:
        try:
            facts = read_identity(file)
        except (RunstreamError, ValueError, OSError) as error:
            runs.broken.append((file, str(error)))
            continue
        if facts is None:
            runs.broken.append((file, "it has no whole record that names its run"))
        else:
            found.append((facts.start_time, file, facts))
    for _, file, facts in sorted(found, key=lambda one: one[:2]):
        run_id = derive_run_id("wandb", facts.entity, facts.project, facts.run_id)
        if run_id not in runs.logs:
            runs.experiments[facts.experiment].append(run_id)
        runs.logs[run_id].append(file)
    return runs


def has_logs(path: Path) -> bool:
    """Return whether there is a `.wandb` file at or below a path."""
    return bool(_find_files(path))


def _find_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    # `latest-run` is a link to one of the others.
    found = {
        file.resolve(): file
        for pattern in ("run-*.wandb", "*run-*/run-*.wandb", "wandb/*run-*/run-*.wandb")
        for file in sorted(path.glob(pattern))
        if file.is_file() and not file.parent.is_symlink()
    }
    return list(found.values())
