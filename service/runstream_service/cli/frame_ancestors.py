"""The option that says whose pages may show the web interface in a frame."""

from __future__ import annotations

import re
from typing import Any

import click

#: Notebooks of the computer on which somebody looks at them.
DEFAULT = "http://localhost:*,http://127.0.0.1:*"

# What may stand in a policy of browsers, and nothing that would end it there.
_ORIGIN = re.compile(r"https?://(\*\.)?[\w.-]+(:(\d{1,5}|\*))?|vscode-webview:", re.ASCII)


class FrameAncestors(click.ParamType):  # type: ignore[type-arg] # click 8.1 takes none
    """Origins with commas between them, or `none`."""

    name = "origin,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the origins."""
        if isinstance(value, tuple):
            return value
        if value.strip() == "none":
            return ()
        origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                self.fail(
                    f"{origin!r} is not of the form http://localhost:* or https://hub.example.org",
                    param,
                    ctx,
                )
        return origins
