"""The files of an authority: certificates for a server and for its clients."""

from __future__ import annotations

import os
from pathlib import Path

import trustme


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

    def issue(self, file: str, *names: str, common_name: str | None = None) -> dict[str, str]:
        """Write a certificate and its key; return their paths by `cert` and `key`.

        Files that are there are replaced, each at once.
        """
        issued = self.authority.issue_cert(*names, common_name=common_name)
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
