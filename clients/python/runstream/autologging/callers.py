"""Whether the program calls what is replaced, or scikit-learn does for itself.

`cross_val_score`, `permutation_importance`, `k_means` and others fit and score models of which a
program gets none. They are known by the functions that are under way, so that it does not matter
from where a program has imported them, or when.
"""

from __future__ import annotations

import sys
from types import FrameType

_PACKAGE = "sklearn."

# It calls functions of the program, in threads of joblib.
_PARALLEL = "sklearn.utils.parallel"


def is_within_sklearn() -> bool:
    """Return whether a function of scikit-learn is under way in this thread.

    It looks at each frame of the thread, at some 120 nanoseconds each.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(_PACKAGE) and module != _PARALLEL:
            return True
        frame = frame.f_back
    return False
