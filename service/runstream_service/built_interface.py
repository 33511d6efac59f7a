"""The folder of the web interface, which is there once the interface is built."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("web")


def is_built() -> bool:
    """Return whether the web interface is there."""
    return (FOLDER / "index.html").is_file()
