"""The tags that say where a launched program comes from (R4)."""

from __future__ import annotations

from runstream.launching.target import Target
from runstream.process.source_tags import find_source_tags


def find_tags(target: Target, parent_run_id: str | None) -> dict[str, str]:
    """Return the tags of the run of a program; what is not known is left out."""
    tags = {
        "mlflow.user": find_source_tags().get("mlflow.user", ""),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": target.source_name,
        "mlflow.parentRunId": parent_run_id or "",
    }
    return {key: value for key, value in (tags | dict(target.tags)).items() if value}
