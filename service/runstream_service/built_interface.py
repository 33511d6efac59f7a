"""Where the web interface lies once it is built."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("web")


def is_built() -> bool:
    """Return whether it is there."""
    return (FOLDER / "index.html").is_file()
