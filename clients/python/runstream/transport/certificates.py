"""The certificates of a connection over TLS, in files that the environment names.

    RUNSTREAM_CA           the authorities that are trusted, in place of those that gRPC trusts
    RUNSTREAM_CLIENT_CERT  the certificate of the client, for a server that wants one
    RUNSTREAM_CLIENT_KEY   its key

They are read when a channel is opened.
"""

from __future__ import annotations

import os

import grpc

from runstream.errors import Unavailable

_CA = "RUNSTREAM_CA"
_CERT = "RUNSTREAM_CLIENT_CERT"
_KEY = "RUNSTREAM_CLIENT_KEY"


def channel_credentials() -> grpc.ChannelCredentials:
    """Return the credentials of a channel.

    Raises:
        Unavailable: a file cannot be read, or certificate and key are not given together.
    """
    ca, chain, key = map(_read, (_CA, _CERT, _KEY))
    if (chain is None) != (key is None):
        raise Unavailable(
            f"{_CERT} and {_KEY} are given together, or neither of them",
            reason="CERTIFICATE_UNUSABLE",
        )
    return grpc.ssl_channel_credentials(ca, key, chain)


def _read(variable: str) -> bytes | None:
    """Return the content of the file that a variable names, or None if it names none."""
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read()
    except OSError as error:
        raise Unavailable(
            f"{variable} cannot be read: {error}", reason="CERTIFICATE_UNUSABLE", field=variable
        ) from None
