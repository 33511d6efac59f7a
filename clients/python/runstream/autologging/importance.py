"""How important each feature is for a model: a file of JSON, and a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from runstream.autologging.painter import can_draw, draw_later
from runstream.autologging.training import Training

#: How important each feature is, by its name: a number, or one for each class.
Importances = Mapping[str, "float | Sequence[float]"]

#: Features that a figure shows at most. All are in the file of JSON.
MAX_FEATURES = 50


def log_importances(
    training: Training[Any], importances: Importances, name: str, kind: str
) -> None:
    """Upload how important each feature is: as JSON, and as a figure if Matplotlib is there.

    Args:
        training: the training.
        importances: how important each feature is.
        name: name of the files, without an ending.
        kind: what was measured, such as `gain`.
    """
    run = training.run
    training.defer(run.client.log_dict, run.run_id, dict(importances), f"{name}.json")
    if importances and can_draw():
        draw_later(training, f"{name}.png", partial(_bars, kind, importances))


def _bars(kind: str, importances: Importances) -> dict[str, Any]:
    """Return a figure of the most important features."""
    bars = {
        name: list(value) if isinstance(value, Sequence) else [value]
        for name, value in importances.items()
    }
    names = sorted(bars, key=lambda name: -sum(map(abs, bars[name])))[:MAX_FEATURES]
    return {
        "kind": "bars",
        "title": "Feature importance",
        "x_label": kind.replace("_", " "),
        "bars": {name: bars[name] for name in names},
    }
