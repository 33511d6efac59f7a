"""What a user chooses about autologging of scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass

from runstream.autologging.settings import Settings


@dataclass(frozen=True)
class SklearnSettings(Settings):
    """The settings of scikit-learn."""
