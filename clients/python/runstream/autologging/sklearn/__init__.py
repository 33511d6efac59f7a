"""Autologging of scikit-learn: `fit`, `fit_transform` and `fit_predict` of every estimator.

`patching` says what is replaced in scikit-learn, `fitting` what is logged of a call that trains,
with the metrics of `metrics`, the figures of `figures`, the child runs of `searches` and the files
of `model`.
"""

from __future__ import annotations

from runstream.autologging.sklearn.patching import LIBRARY

__all__ = ["LIBRARY"]
