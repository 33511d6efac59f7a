"""What W&B says of a run, as the params and tags that it has here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from runstream.contract.configs import flatten_config
from runstream.importing.wandb.run_facts import RunFacts

# Of the config and the summary, what W&B keeps for itself.
_OWN_KEYS = frozenset({"_wandb", "wandb_version", "_step", "_timestamp", "_runtime"})

#: The tag of a text of the summary has this before its name.
SUMMARY_PREFIX = "summary."


def to_params(config: Mapping[str, Any]) -> dict[str, str]:
    """Return a config as params, with `.` between the names that lead to each value."""
    own = {key: value for key, value in config.items() if key not in _OWN_KEYS}
    return {key: str(value) for key, value in flatten_config(own)}


def to_tags(facts: RunFacts) -> dict[str, str]:
    """Return all that is neither a param nor a point."""
    seen = facts.environment
    tags = {
        "mlflow.note.content": facts.notes,
        "mlflow.user": seen.get("username", ""),
        "mlflow.source.name": seen.get("program", ""),
        "mlflow.source.type": "LOCAL" if seen.get("program") else "",
        "mlflow.source.git.commit": facts.git_commit,
        "mlflow.source.git.repoURL": facts.git_remote,
        "wandb.group": facts.group,
        "wandb.job_type": facts.job_type,
        "wandb.sweep": facts.sweep,
        "wandb.host": facts.host or seen.get("host", ""),
        "wandb.forked_from": facts.forked_from,
        "wandb.os": seen.get("os", ""),
        "wandb.python": seen.get("python", ""),
        "wandb.args": json.dumps(seen["args"]) if seen.get("args") else "",
        "wandb.used_artifacts": json.dumps(facts.used_artifacts) if facts.used_artifacts else "",
    }
    labels = dict.fromkeys(facts.labels, "true")
    texts = {
        f"{SUMMARY_PREFIX}{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in flatten_summary(facts.summary)
        if not isinstance(value, (int, float)) and not is_media(value)
    }
    return labels | texts | {key: text for key, text in tags.items() if text}


def flatten_summary(summary: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a summary, with `.` between names; media stay dictionaries."""
    for name, value in summary.items():
        if not prefix and name in _OWN_KEYS:
            continue
        if isinstance(value, dict) and value and not is_media(value):
            yield from flatten_summary(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", _TEXTS.get(value, value) if isinstance(value, str) else value


_TEXTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def is_media(value: object) -> bool:
    """Return whether a value is an image, a table or the like."""
    return isinstance(value, dict) and "_type" in value
