"""The certificate of the server and its key, which are read again when their files change.

Both ports ask for them when a connection begins, so that a new certificate needs no restart. Those
who write the files may do so one after the other: until certificate and key belong together, the
former ones stay in use. docs/decisions/0057-tls.md
"""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import NamedTuple

from runstream_service.config import Config

log = logging.getLogger(__name__)

# Of each file: when it was written, its size, and its number in the file system.
_Stamp = tuple[tuple[int, int, int], ...]


class CertificateError(Exception):
    """The files of certificates cannot be used; the text is for the one who starts the server."""


class Certificates(NamedTuple):
    """By what a server proves who it is, and by what it knows its clients, at one moment.

    Attributes:
        chain: its certificate, and those between it and its authority, in PEM.
        key: the key of its certificate, in PEM.
        client_ca: the authorities of the certificates of clients, in PEM; None if clients are not
            asked for any.
        context: the same for the TLS of Python, by which a client may leave its certificate out.
    """

    chain: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


class CertificateFiles:
    """The files of the certificates of a server.

    Any thread may ask for what they have: gRPC does so on threads of its own.
    """

    def __init__(self, config: Config) -> None:
        """Read the files.

        Raises:
            CertificateError: one cannot be read, or they do not belong together.
        """
        names = (config.tls_cert, config.tls_key, config.tls_client_ca)
        self._files = [Path(name) for name in names if name]
        self._lock = threading.Lock()
        self._stamp = self._read_stamp()
        try:
            self._current = self._read()
        except (OSError, ValueError) as error:
            raise CertificateError(f"cannot use {self}: {_describe(error)}") from error

    def __str__(self) -> str:
        """Return the names of the files."""
        return ", ".join(map(str, self._files))

    def current(self) -> Certificates:
        """Return what the files have, or what they had when they could be used last."""
        with self._lock:
            stamp = self._read_stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                self._read_again()
            return self._current

    def _read_again(self) -> None:
        try:
            certificates = self._read()
        except (OSError, ValueError) as error:
            log.warning("the certificates stay as they were: %s: %s", self, _describe(error))
            return
        if self._read_stamp() == self._stamp:  # else they are being written, and are read again
            self._current = certificates
            log.info("the certificates were read again: %s", self)

    def _read_stamp(self) -> _Stamp | None:
        """Return what changes with the files; None if one is not there."""
        try:
            found = [file.stat() for file in self._files]
        except OSError:
            return None
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)

    def _read(self) -> Certificates:
        """Return what the files have; raises OSError or ValueError, also those of `ssl`."""
        chain, key, *client_ca = (file.read_bytes() for file in self._files)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # that of gRPC, too
        context.set_alpn_protocols(["http/1.1"])
        # A key with a password is refused, where OpenSSL would ask a terminal for it.
        cert_file, key_file = self._files[:2]
        context.load_cert_chain(cert_file, key_file, password=lambda: b"")
        if client_ca:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(cadata=client_ca[0].decode("ascii"))
        return Certificates(chain, key, client_ca[0] if client_ca else None, context)


def _describe(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (
            "the files have to be, in PEM, a certificate and its key, which needs no password, and "
            f"authorities of clients, if any ({error})"
        )
    return str(error)
