"""The tags that say where a launched program comes from (R4)."""

from __future__ import annotations

from runstream.launching.target import Target
from runstream.process.git_files import find_repository
from runstream.process.masking import mask_text
from runstream.process.source_parts import wanted_parts
from runstream.process.source_tags import find_source_tags


def find_tags(target: Target, parent_run_id: str | None) -> dict[str, str]:
    """Return the tags of the run of a program; what is not known is left out.

    Raises:
        InvalidArgument: RUNSTREAM_SOURCE is malformed.
    """
    tags = {
        "mlflow.user": find_source_tags().get("mlflow.user", ""),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": target.source_name,
        "mlflow.parentRunId": parent_run_id or "",
    }
    repository = find_repository(target.source_folder) if target.source_folder else None
    if repository is not None and "git" in wanted_parts():
        tags["mlflow.source.git.commit"] = repository.commit
        tags["mlflow.source.git.branch"] = repository.branch
        tags["mlflow.source.git.repoURL"] = mask_text(repository.remote)
    return {key: value for key, value in (tags | dict(target.tags)).items() if value}
