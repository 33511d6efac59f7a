"""The token by which a client says who calls: where it comes from, and its way into each call.

It is read anew for each call, so that a program goes on with a new one when the old one has
expired. No message and no `repr` has its text.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from typing import Any

import grpc

from runstream.errors import InvalidArgument

_VARIABLE = "RUNSTREAM_TOKEN"
_FILE_VARIABLE = "RUNSTREAM_TOKEN_FILE"

#: The variables of the environment that give a token.
VARIABLES = (_VARIABLE, _FILE_VARIABLE)

# What a header of HTTP may have. gRPC would show the value of another one in its error.
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")

_SCHEME = "Bearer "

Metadata = tuple[tuple[str, str], ...]


class TokenSource:
    """The token of a client; any thread may ask for it, and none needs a lock.

    Attributes:
        key: the same for two that were given the same token, and empty for that of the environment.
    """

    def __init__(self, token: str | None = None) -> None:
        """Take a token, or that of the environment: RUNSTREAM_TOKEN or RUNSTREAM_TOKEN_FILE.

        Raises:
            InvalidArgument: it has characters that no token has.
        """
        self._given = None if token is None else _metadata("token", token)
        # Tells clients with different tokens apart, and does not tell what they are.
        self.key = b"" if token is None else hashlib.sha256(token.strip().encode()).digest()
        # Of the file: its state, and the metadata; set in one step.
        self._of_file: tuple[object, Metadata] = (None, ())

    def given(self) -> str | None:
        """Return the token that it was given; None for that of the environment."""
        return None if self._given is None else self._given[0][1].removeprefix(_SCHEME)

    def metadata(self) -> Metadata:
        """Return the metadata of a call; none, if there is no token.

        Raises:
            InvalidArgument: the token has characters that no token has, or its file cannot be read.
        """
        if self._given is not None:
            return self._given
        if token := os.environ.get(_VARIABLE):
            return _metadata(_VARIABLE, token)
        if path := os.environ.get(_FILE_VARIABLE):
            return self._read(path)
        return ()

    def _read(self, path: str) -> Metadata:
        """Return the metadata for a file, which is read again when it has changed."""
        try:
            found = os.stat(path)
            state = (path, found.st_ino, found.st_mtime_ns, found.st_size)
            known, metadata = self._of_file
            if known != state:
                with open(path, encoding="ascii", errors="replace") as file:
                    metadata = _metadata(_FILE_VARIABLE, file.read())
                self._of_file = state, metadata
        except OSError as error:
            raise InvalidArgument(
                f"the file of {_FILE_VARIABLE} cannot be read: {error}",
                reason="TOKEN_UNREADABLE",
                field=_FILE_VARIABLE,
                value=path,
            ) from None
        return metadata


class TokenChannel:
    """A channel whose calls have the token as metadata; what generated stubs take for a channel."""

    def __init__(self, channel: grpc.Channel, token: TokenSource) -> None:
        self._channel = channel
        self._token = token

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return what makes calls of an RPC; the other three do the same."""
        return _Calls(self._channel.unary_unary(*args, **kwargs), self._token)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Calls(self._channel.unary_stream(*args, **kwargs), self._token)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return _Calls(self._channel.stream_unary(*args, **kwargs), self._token)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return _Calls(self._channel.stream_stream(*args, **kwargs), self._token)


class _Calls:
    """Makes calls of one RPC, each with the token."""

    __slots__ = ("_calls", "_token")

    def __init__(self, calls: Callable[..., Any], token: TokenSource) -> None:
        self._calls: Any = calls
        self._token = token

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._calls(*args, metadata=self._token.metadata() or None, **kwargs)

    def future(self, *args: Any, **kwargs: Any) -> Any:
        return self._calls.future(*args, metadata=self._token.metadata() or None, **kwargs)


def _metadata(field: str, token: str) -> Metadata:
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        raise InvalidArgument(
            f"the token of {field} is empty or has characters that no token has",
            reason="TOKEN_MALFORMED",
            field=field,
        )
    return (("authorization", _SCHEME + token),)
