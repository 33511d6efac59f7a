"""The callers that certificates of clients name."""

from __future__ import annotations

from collections.abc import Collection

from runstream import rules
from runstream.errors import InvalidArgument, Unauthenticated
from runstream_service.access.caller import Caller, ServerRole


class CertificateCallers:
    """Those who have a certificate of an authority that the server trusts."""

    def __init__(self, admins: Collection[str]) -> None:
        """Prepare.

        Args:
            admins: the common names of admins; all others are writers.
        """
        self._admins = frozenset(admins)

    def find(self, common_name: str) -> Caller:
        """Return the caller whose certificate has this common name.

        Raises:
            Unauthenticated: it is no name of a user, or there is none.
        """
        try:
            rules.check_user_name("common name", common_name)
        except InvalidArgument as error:
            raise Unauthenticated(
                f"the certificate names nobody by its common name: {error.message}",
                reason="CERTIFICATE_WITHOUT_NAME",
            ) from None
        is_admin = common_name in self._admins
        return Caller(common_name, ServerRole.ADMIN if is_admin else ServerRole.WRITER)
