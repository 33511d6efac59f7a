"""The certificates of a connection over TLS, in files that the environment names.

    RUNSTREAM_CA           the authorities that are trusted, in place of those that gRPC trusts
    RUNSTREAM_CLIENT_CERT  the certificate of the client, for a server that wants one
    RUNSTREAM_CLIENT_KEY   its key

They are read when a channel is opened.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress

import grpc

from runstream.errors import Unavailable

#: The variables.
CA = "RUNSTREAM_CA"
CERT = "RUNSTREAM_CLIENT_CERT"
KEY = "RUNSTREAM_CLIENT_KEY"

# Names the authorities that gRPC trusts, in place of those that it brings.
_GRPC_ROOTS = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"


def channel_credentials() -> grpc.ChannelCredentials:
    """Return the credentials of a channel.

    Raises:
        Unavailable: a file cannot be read or used, or certificate and key are not given together.
    """
    ca, chain, key = map(_read, (CA, CERT, KEY))
    if (chain is None) != (key is None):
        raise Unavailable(
            f"{CERT} and {KEY} are given together, or neither of them",
            reason="CERTIFICATE_UNUSABLE",
        )
    ssl_context()  # gRPC would take files that it cannot use, and never connect
    return grpc.ssl_channel_credentials(ca, key, chain)


def ssl_context() -> ssl.SSLContext:
    """Return a context of Python that trusts whom gRPC trusts, and shows the same certificate.

    Raises:
        Unavailable: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    # As gRPC: a certificate that is trusted need not be that of an authority.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if ca := path_of(CA):
        try:
            context.load_verify_locations(ca)
        except OSError as error:  # ssl.SSLError is one
            raise _unusable_error(f"{CA} ({ca}) has no certificate in PEM", CA, error) from None
    else:
        _trust_defaults(context)
    if chain := path_of(CERT):
        try:
            context.load_cert_chain(chain, path_of(KEY), password="")  # gRPC has none, too
        except OSError as error:
            words = f"{CERT} ({chain}) and {KEY} are not a certificate and its key in PEM"
            raise _unusable_error(words, CERT, error) from None
    return context


def path_of(variable: str) -> str:
    """Return the path of the file that a variable names; empty if it names none."""
    return os.path.expanduser(os.environ.get(variable, ""))


def _trust_defaults(context: ssl.SSLContext) -> None:
    """Trust the authorities that gRPC trusts by default, which are not those of the system."""
    if path := os.environ.get(_GRPC_ROOTS):
        with suppress(OSError):
            context.load_verify_locations(path)
            return
    try:
        from importlib import resources  # takes milliseconds to import

        brought = resources.files("grpc._cython") / "_credentials/roots.pem"
        context.load_verify_locations(cadata=brought.read_text(encoding="ascii"))
    except (OSError, ImportError, ValueError):  # another build of gRPC
        context.load_default_certs()


def _unusable_error(words: str, variable: str, error: OSError) -> Unavailable:
    return Unavailable(f"{words}: {error}", reason="CERTIFICATE_UNUSABLE", field=variable)


def _read(variable: str) -> bytes | None:
    """Return the content of the file that a variable names, or None if it names none."""
    path = path_of(variable)
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Unavailable(
            f"{variable} cannot be read: {error}", reason="CERTIFICATE_UNUSABLE", field=variable
        ) from None
