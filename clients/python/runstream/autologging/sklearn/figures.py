"""Figures of a classifier and of feature importances, under MLflow's names.

What they show is computed here. They are drawn by Matplotlib in a process of its own, where
`draw_figures` runs: Matplotlib is neither imported into the program nor slowed down by it, and the
program's own figures and settings of Matplotlib stay as they are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runstream.autologging.sklearn.metrics import PREFIX, Fitted
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import Training
from runstream.files.folder_transfer import make_temporary_folder

#: Classes of which a confusion matrix is drawn at most, and points of a curve.
MAX_CLASSES = 50
MAX_POINTS = 1_000

#: Features that a figure of importances shows at most, the most important ones.
MAX_FEATURES = 50

# Seconds that a figure may take; the first one waits for the import of Matplotlib.
_DRAW_SECONDS = 60.0


def can_draw() -> bool:
    """Return whether there is Matplotlib, and a Python to run it in."""
    return bool(sys.executable) and find_spec("matplotlib") is not None


def log_figures(training: Training[SklearnSettings], fitted: Fitted) -> None:
    """Log the confusion matrix and, for two classes, the curves of a classifier."""
    if fitted.targets is None or not can_draw():
        return
    figures = []
    if 1 <= len(fitted.classes) <= MAX_CLASSES:
        figures.append(_confusion_matrix(fitted))
    if len(fitted.classes) == 2 and fitted.scores is not None:
        figures += _curves(fitted)
    for figure in figures:
        training.defer(_draw_and_upload, training, figure)


def log_importances(training: Training[SklearnSettings], importances: Mapping[str, float]) -> None:
    """Log how much each feature counts for a model, as JSON and as a figure."""
    run = training.run
    name = "feature_importances"
    training.defer(run.client.log_dict, run.run_id, importances, f"{name}.json")
    if can_draw():
        shown = dict(list(importances.items())[:MAX_FEATURES])
        figure = {"kind": "bars", "title": "Feature importances", "bars": shown, "name": name}
        training.defer(_draw_and_upload, training, figure)


def _confusion_matrix(fitted: Fitted) -> dict[str, Any]:
    from sklearn.metrics import confusion_matrix

    labels = fitted.classes
    matrix = confusion_matrix(
        fitted.targets,
        fitted.predicted,
        labels=labels,
        sample_weight=fitted.sample_weight,
        normalize="true",
    )
    return {
        "kind": "matrix",
        "title": "Normalized confusion matrix",
        "labels": [str(label) for label in labels],
        "matrix": matrix.tolist(),
        "name": f"{PREFIX}confusion_matrix",
    }


def _curves(fitted: Fitted) -> list[dict[str, Any]]:
    from sklearn.metrics import precision_recall_curve, roc_curve

    given = (fitted.targets, fitted.scores)
    options = {"pos_label": fitted.classes[1], "sample_weight": fitted.sample_weight}
    false_positive, true_positive, _ = roc_curve(*given, **options)
    precision, recall, _ = precision_recall_curve(*given, **options)
    return [
        _curve(
            "roc_curve",
            "ROC curve",
            "False positive rate",
            "True positive rate",
            false_positive,
            true_positive,
        ),
        _curve(
            "precision_recall_curve",
            "Precision recall curve",
            "Recall",
            "Precision",
            recall,
            precision,
        ),
    ]


def _curve(name: str, title: str, x_label: str, y_label: str, x: Any, y: Any) -> dict[str, Any]:
    step = 1 + len(x) // MAX_POINTS
    return {
        "kind": "curve",
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "x": [*x[:-1:step].tolist(), float(x[-1])],
        "y": [*y[:-1:step].tolist(), float(y[-1])],
        "name": f"{PREFIX}{name}",
    }


def _draw_and_upload(training: Training[SklearnSettings], figure: Mapping[str, Any]) -> None:
    folder = make_temporary_folder()
    file = folder / f"{figure['name']}.png"
    try:
        _painter.draw(figure, file)
        training.run.client.log_artifact(training.run.run_id, file)
    finally:
        file.unlink(missing_ok=True)
        folder.rmdir()


class _Painter:
    """The process that draws; it starts with the first figure, and ends with this one.

    Only the thread of deferred work calls it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def draw(self, figure: Mapping[str, Any], file: Path) -> None:
        """Draw a figure into a file.

        Raises:
            RuntimeError: it cannot be drawn, or it takes too long.
        """
        process = self._running_process()
        assert process.stdin is not None  # noqa: S101 - for the types: both are pipes
        assert process.stdout is not None  # noqa: S101
        too_late = threading.Timer(_DRAW_SECONDS, process.kill)
        too_late.daemon = True
        too_late.start()
        try:
            process.stdin.write(json.dumps({**figure, "file": str(file)}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline().strip()
        except OSError as error:
            answer = str(error)
        finally:
            too_late.cancel()
        if answer != "drawn":
            self._process = None
            process.kill()
            raise RuntimeError(f"{figure['name']}.png cannot be drawn: {answer or 'no answer'}")

    def _running_process(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "runstream.autologging.sklearn.draw_figures"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self._process


_painter = _Painter()
