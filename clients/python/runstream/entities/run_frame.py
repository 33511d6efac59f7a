"""A run in a notebook: its page of the web interface, in a frame."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunFrame:
    """The page of a run, for a notebook to show.

    Attributes:
        name: the name of the run.
        uri: the address of its page; None, if the server has no web interface that is known.
        height: of the frame, in pixels.
    """

    name: str
    uri: str | None
    height: int

    def _repr_html_(self) -> str:
        """Return the frame; what to do, if there is none."""
        from html import escape  # not at import, which takes time

        if self.uri is None:
            return f"<p>{escape(repr(self))}</p>"
        page, _, fragment = self.uri.partition("#")
        source = escape(f"{page}#{fragment}?frame=none")
        return (
            f'<iframe src="{source}" width="100%" height="{int(self.height)}" '
            f'title="{escape(self.name)}" style="border:0"></iframe>'
            f'<p><a href="{escape(self.uri)}" target="_blank" rel="noopener">'
            f"{escape(self.name)} in Runstream</a></p>"
        )

    def __repr__(self) -> str:
        if self.uri is not None:
            return f"{self.name} is at {self.uri}"
        return (
            f"Where {self.name} can be seen is not known: the server has no web interface, or a "
            "proxy stands before it; open its address in a browser"
        )
