"""The files of an authority, for a server and for its clients, and connections with them."""

from __future__ import annotations

import json
import os
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import grpc
import trustme

from support.api import Api
from support.server_process import ServerProcess


class CertificateFolder:
    """A folder with the certificates of an authority and their keys.

    Attributes:
        authority: what issues them.
        ca: the file with the certificate of the authority.
    """

    def __init__(self, folder: Path, authority: trustme.CA | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self.authority = authority or trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))

    def issue(
        self,
        file: str,
        *names: str,
        common_name: str | None = None,
        not_after: datetime | None = None,
    ) -> dict[str, str]:
        """Write a certificate and its key; return their paths by `cert` and `key`.

        Files that are there are replaced, each at once.
        """
        issued = self.authority.issue_cert(*names, common_name=common_name, not_after=not_after)
        return {
            "cert": self._write(f"{file}.pem", issued.cert_chain_pems[0].bytes()),
            "key": self._write(f"{file}.key", issued.private_key_pem.bytes()),
        }

    def server(self, **variables: str) -> dict[str, str]:
        """Issue the certificate of a server; return the variables for it, and more."""
        files = self.issue("server", "127.0.0.1", "localhost")
        return {
            "RUNSTREAM_TLS_CERT": files["cert"],
            "RUNSTREAM_TLS_KEY": files["key"],
            **variables,
        }

    def client(self, name: str) -> dict[str, str]:
        """Issue the certificate of a client; return the variables for it."""
        files = self.issue(name, "client@example.org", common_name=name)
        return {
            "RUNSTREAM_CA": str(self.ca),
            "RUNSTREAM_CLIENT_CERT": files["cert"],
            "RUNSTREAM_CLIENT_KEY": files["key"],
        }

    def _write(self, name: str, content: bytes) -> str:
        path = self._folder / name
        draft = path.with_suffix(".draft")
        draft.write_bytes(content)
        os.replace(draft, path)
        return str(path)


def context_for(certificates: CertificateFolder) -> ssl.SSLContext:
    """Return a context that trusts the authority, and shows no certificate."""
    return ssl.create_default_context(cafile=str(certificates.ca))


def shown_certificate(address: str, context: ssl.SSLContext) -> bytes:
    """Return the certificate that a server shows to a new connection."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    with (
        socket.create_connection((host, int(port)), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        return connection.getpeercert(binary_form=True) or b""


def caller_over_http(
    server: ServerProcess, context: ssl.SSLContext, **headers: str
) -> dict[str, str]:
    """Return who calls, as the server sees it over HTTP."""
    request = urllib.request.Request(
        f"{server.http}/api/1.0/runstream/access/caller", headers=headers
    )
    with urllib.request.urlopen(request, context=context, timeout=10) as answer:
        caller: dict[str, str] = json.load(answer)
        return caller


@contextmanager
def connect(
    server: ServerProcess, certificates: CertificateFolder, name: str, token: str = ""
) -> Iterator[Api]:
    """Make the stubs of a client that has a certificate of this name."""
    files = certificates.client(name)
    ca, key, chain = (
        Path(files[f"RUNSTREAM_{one}"]).read_bytes() for one in ("CA", "CLIENT_KEY", "CLIENT_CERT")
    )
    credentials = grpc.ssl_channel_credentials(ca, key, chain)
    if token:
        calls = grpc.access_token_call_credentials(token)
        credentials = grpc.composite_channel_credentials(credentials, calls)
    with grpc.secure_channel(server.address, credentials) as channel:
        yield Api(channel)
