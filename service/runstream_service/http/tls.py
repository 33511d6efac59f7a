"""TLS of the HTTP port: certificates of the moment, and the name in that of a client."""

from __future__ import annotations

import ssl
from typing import Any

from runstream_service.certificates import CertificateFiles


class ReloadingContext(ssl.SSLContext):
    """A context whose connections have the certificates of the moment in which they begin."""

    _files: CertificateFiles

    @classmethod
    def of(cls, files: CertificateFiles) -> ReloadingContext:
        """Return a context for these files."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context._files = files
        return context

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection; asyncio calls it for each."""
        return self._files.current().context.wrap_bio(*arguments, **options)


def common_name(connection: ssl.SSLObject | None) -> str | None:
    """Return the common name in the certificate of a client; None if it has shown none.

    Returns:
        The name, which is empty if the certificate has none.
    """
    certificate = connection.getpeercert() if connection else None
    if not certificate:
        return None
    subject: Any = certificate["subject"]
    names = [value for part in subject for name, value in part if name == "commonName"]
    return names[0] if names else ""
