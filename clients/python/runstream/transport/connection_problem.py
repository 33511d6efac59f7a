"""Why no connection to a server comes about, where waiting does not help.

gRPC says it in words of its own, and tries again as if the server were away. So when it has not
connected, a handshake of Python's finds out whether the port speaks TLS, and what is wrong with a
certificate. Nothing is sent over it, and a server that is reached is never asked.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from runstream.errors import Unavailable
from runstream.transport.certificates import CA, CERT, KEY, path_of, ssl_context
from runstream.transport.proxies import grpc_proxy

#: Reasons of the errors of this module, and of `embedded` where the server of a file cannot start.
REASONS = frozenset(
    {
        "SERVER_NOT_STARTED",
        "TLS_NEEDED",
        "TLS_NOT_SPOKEN",
        "GRPC_NOT_SPOKEN",
        "SERVER_NOT_TRUSTED",
        "SERVER_HAS_ANOTHER_NAME",
        "SERVER_CERTIFICATE_EXPIRED",
        "CLIENT_CERTIFICATE_NEEDED",
        "CLIENT_CERTIFICATE_REFUSED",
    }
)

# Seconds that the connection, and each step of the handshake, may take.
_SECONDS = 1.0

# Seconds between two handshakes.
_PAUSE = 0.1

# What OpenSSL says of certificates: X509_V_ERR_...
_EXPIRED, _NOT_YET_VALID, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64

# What it says when the other side does not begin as TLS does.
_NO_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "RECORD_LAYER")


def find_problem(addresses: Iterable[str], secure: bool) -> Unavailable | None:
    """Return why no server can be reached; None, if one of them may be away, or not known why.

    Args:
        addresses: what gRPC dials, `host:port` or `unix:path`.
        secure: whether it uses TLS.
    """
    problem = None
    for address in addresses:
        problem = _find_problem(address, secure)
        if problem is None:
            return None
    return problem


def _find_problem(address: str, secure: bool) -> Unavailable | None:
    if address.startswith("unix:") or grpc_proxy(address) is not None:
        return None
    try:
        if secure:
            return _problem_with_tls(address)
        return _problem_without_tls(address)
    except Unavailable as unusable:  # a file of certificates
        return unusable
    except (OSError, ValueError):  # nothing accepts the connection, or the name is none
        return None


def _problem_without_tls(address: str) -> Unavailable | None:
    """Look whether a port speaks TLS, which a client without it has tried to reach."""
    try:
        with _shake_hands(address, _careless_context):
            pass
    except ssl.SSLError as error:
        if not _is_alert(error):
            return None
    return _error(
        "TLS_NEEDED",
        address,
        f"speaks TLS: the tracking URI has to begin with grpcs:// (grpcs://{address})",
    )


def _problem_with_tls(address: str) -> Unavailable | None:
    try:
        context = ssl_context()
        context.set_alpn_protocols(["h2"])
        for _ in range(2):  # a server that is just stopping is not there any more
            with _shake_hands(address, lambda: context) as connection:
                if connection.selected_alpn_protocol() is None:  # gRPC takes no other protocol
                    advice = "the tracking URI needs the port of gRPC, by default 50051"
                    return _error("GRPC_NOT_SPOKEN", address, f"speaks HTTPS, not gRPC: {advice}")
                # With TLS 1.3 a server says only now what it thinks of the client's certificate,
                # by an alert or, as gRPC's does, by the end of the connection.
                if connection.recv(1):
                    return None
            time.sleep(_PAUSE)
        return _client_error(address, "it ends the connection")
    except ssl.SSLCertVerificationError as error:
        return _certificate_error(address, error)
    except ssl.SSLError as error:
        if _is_plain(error):
            return _error(
                "TLS_NOT_SPOKEN",
                address,
                f"speaks no TLS: the tracking URI has to begin with grpc:// (grpc://{address})",
            )
        if not _is_alert(error):
            return None
        return _client_error(address, (error.reason or "").lower().replace("_", " "))


def _client_error(address: str, answer: str) -> Unavailable:
    if shown := path_of(CERT):
        return _error(
            "CLIENT_CERTIFICATE_REFUSED",
            address,
            f"refuses the certificate of {CERT} ({shown}): {answer}",
        )
    return _error(
        "CLIENT_CERTIFICATE_NEEDED",
        address,
        f"takes no client without a certificate ({answer}): {CERT} and {KEY} name the files of "
        "yours",
    )


def _certificate_error(address: str, error: ssl.SSLCertVerificationError) -> Unavailable:
    whose = f"shows a certificate that {{}} ({error.verify_message.rstrip('.')}): "
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        state = "has expired" if error.verify_code == _EXPIRED else "is not valid yet"
        advice = "its server needs another one, if the clock of this machine is right"
        return _error("SERVER_CERTIFICATE_EXPIRED", address, whose.format(state) + advice)
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        advice = "call the server by a name of its certificate"
        if names := _names(address):
            advice += f", which are {', '.join(names)}"
        return _error("SERVER_HAS_ANOTHER_NAME", address, whose.format("is for others") + advice)
    if ca := path_of(CA):
        advice = f"{CA} ({ca}) has not its authority"
    else:
        advice = f"set {CA} to the file of its authority"
    return _error("SERVER_NOT_TRUSTED", address, whose.format("is not trusted") + advice)


def _names(address: str) -> list[str]:
    """Return the names in the certificate of a server that is trusted."""
    context = ssl_context()
    context.check_hostname = False
    with suppress(OSError), _shake_hands(address, lambda: context) as connection:
        certificate: Any = connection.getpeercert()
        return [name for _, name in certificate.get("subjectAltName", ())]
    return []


def _careless_context() -> ssl.SSLContext:
    """Return a context for a connection over which nothing is sent and nothing believed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _shake_hands(address: str, make_context: Callable[[], ssl.SSLContext]) -> ssl.SSLSocket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    plain = socket.create_connection((host, int(port)), timeout=_SECONDS)
    try:
        # Made only now: that takes milliseconds, and most servers without TLS are just away.
        return make_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _is_plain(error: ssl.SSLError) -> bool:
    return any(word in (error.reason or "") for word in _NO_TLS)


def _is_alert(error: ssl.SSLError) -> bool:
    """Return whether the other side speaks TLS, and ends the handshake."""
    return "_ALERT_" in (error.reason or "")


def _error(reason: str, address: str, words: str) -> Unavailable:
    return Unavailable(f"{address} {words}", reason=reason, address=address)
