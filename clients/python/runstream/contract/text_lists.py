"""Arguments that are several texts."""

from __future__ import annotations

from runstream.errors import InvalidArgument, shorten


def check_not_single_text(field: str, texts: object) -> None:
    """Check that an argument of several texts is not one text, whose letters would be the texts."""
    if isinstance(texts, str):
        raise InvalidArgument(
            f"Invalid value {shorten(texts)!r} for parameter '{field}' supplied: "
            f"it must be a list of texts, such as [{shorten(texts)!r}]",
            reason="LIST_EXPECTED",
            field=field,
            value=texts,
            limit="a list of texts",
        )
