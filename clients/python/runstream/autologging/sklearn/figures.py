"""Figures of a classifier, under MLflow's names.

What they show is computed here. They are drawn by Matplotlib in a process of its own, where
`draw_figures` runs: Matplotlib is neither imported into the program nor slowed down by it, and the
program's own figures and settings of Matplotlib stay as they are.
"""

from __future__ import annotations

import json
import logging
import select
import shutil
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from runstream.autologging.sklearn.fitted import Fitted
from runstream.autologging.sklearn.metrics import PREFIX
from runstream.autologging.sklearn.settings import SklearnSettings
from runstream.autologging.training import Training, within
from runstream.files.folder_transfer import make_temporary_folder

log = logging.getLogger("runstream")

#: Classes of which a confusion matrix is drawn at most, and points of a curve.
MAX_CLASSES = 50
MAX_POINTS = 1_000

#: Figures that may wait to be drawn; where trainings come faster than that, some are left out.
MAX_WAITING = 100

# Seconds that a figure may take; the first one waits for the import of Matplotlib.
_DRAW_SECONDS = 60.0


@lru_cache(maxsize=1)
def can_draw() -> bool:
    """Return whether there is Matplotlib, and a Python to run it in."""
    return bool(sys.executable) and find_spec("matplotlib") is not None


def log_figures(training: Training[SklearnSettings], fitted: Fitted) -> None:
    """Log the confusion matrix and, for two classes, the curves of a classifier."""
    if fitted.targets is None or fitted.target_column is None or not can_draw():
        return
    if len(fitted.classes) <= MAX_CLASSES:
        _painter.draw_later(training, "confusion_matrix", partial(_matrix, fitted))
    classes: Any = getattr(fitted.estimator, "classes_", ())
    if len(classes) == 2 and fitted.scores is not None:
        is_positive = fitted.target_column == classes[1]
        given = (is_positive, fitted.scores, fitted.weights)
        _painter.draw_later(training, "roc_curve", partial(_roc_curve, *given))
        _painter.draw_later(
            training, "precision_recall_curve", partial(_precision_recall_curve, *given)
        )


def _matrix(fitted: Fitted) -> dict[str, Any]:
    rows = fitted.confusion
    shares = [[float(cell / (row.sum() or 1)) for cell in row] for row in rows]
    return {
        "kind": "matrix",
        "title": "Normalized confusion matrix",
        "labels": [str(label) for label in fitted.classes],
        "matrix": shares,
    }


def _roc_curve(is_positive: Any, scores: Any, weights: Any) -> dict[str, Any]:
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(is_positive, scores, sample_weight=weights)
    return _curve("ROC curve", "False positive rate", "True positive rate", false, true)


def _precision_recall_curve(is_positive: Any, scores: Any, weights: Any) -> dict[str, Any]:
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(is_positive, scores, sample_weight=weights)
    return _curve("Precision recall curve", "Recall", "Precision", recall, precision)


def _curve(title: str, x_label: str, y_label: str, x: Any, y: Any) -> dict[str, Any]:
    step = 1 + len(x) // MAX_POINTS
    return {
        "kind": "curve",
        "title": title,
        "x_label": x_label,
        "y_label": y_label,
        "x": [*x[:-1:step].tolist(), float(x[-1])],
        "y": [*y[:-1:step].tolist(), float(y[-1])],
    }


class _Painter:
    """The process that draws; it starts with the first figure, and ends with this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()  # of `draw`, which the threads of several servers may call
        self._waiting: deque[None] = deque()  # an item for each figure
        self._has_warned = False

    def draw_later(
        self,
        training: Training[SklearnSettings],
        name: str,
        compute: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Draw a figure and upload it, on a thread where nobody waits for it."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting.append(None)
            training.defer_slow(self._draw_and_upload, training, f"{PREFIX}{name}.png", compute)
        elif not self._has_warned:
            self._has_warned = True
            log.warning(
                "trainings come faster than their figures are drawn: some are left out, "
                "such as %s of run %s",
                name,
                training.run.run_id,
            )

    def _draw_and_upload(
        self,
        training: Training[SklearnSettings],
        name: str,
        compute: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._waiting.pop()
        with within(None, is_off=True):
            figure = compute()
        # No TemporaryDirectory: the end of a program removes those before this is done.
        folder = make_temporary_folder()
        try:
            with self._lock:
                self.draw(figure, folder / name)
            training.run.client.log_artifact(training.run.run_id, folder / name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def draw(self, figure: Mapping[str, Any], file: Path) -> None:
        """Draw a figure into a file.

        Raises:
            RuntimeError: it cannot be drawn, or it takes too long.
        """
        process = self._running_process()
        assert process.stdin is not None  # noqa: S101 - for the types: both are pipes
        assert process.stdout is not None  # noqa: S101
        answer = ""
        try:
            process.stdin.write(json.dumps({**figure, "file": str(file)}) + "\n")
            process.stdin.flush()
            if select.select([process.stdout], [], [], _DRAW_SECONDS)[0]:
                answer = process.stdout.readline().strip()
        except OSError as error:
            answer = str(error)
        if answer != "drawn":
            self._process = None
            process.kill()
            raise RuntimeError(f"{file.name} cannot be drawn: {answer or 'no answer'}")

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
