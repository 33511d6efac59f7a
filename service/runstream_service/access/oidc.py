"""The OpenID provider of the settings, ready for use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from runstream_service.access.claims import ClaimRules
from runstream_service.access.issuer_documents import IssuerDocuments
from runstream_service.config import OidcConfig
from runstream_service.engine.engine import CannotOpenError

# Imported when an issuer is named: the package that verifies tokens is an extra, and takes time.
if TYPE_CHECKING:
    from runstream_service.access.issuer import Issuer
    from runstream_service.access.sign_in import SignIn


class Oidc(NamedTuple):
    """What a server does by an OpenID provider.

    Attributes:
        url: of the provider.
        issuer: verifies its tokens.
        sign_in: signs people in.
    """

    url: str
    issuer: Issuer
    sign_in: SignIn


def open_oidc(config: OidcConfig | None) -> Oidc | None:
    """Return what the settings say; nothing is asked of the provider yet.

    Raises:
        CannotOpenError: the file of the secret cannot be read, or packages are not installed.
    """
    if config is None:
        return None
    try:
        from runstream_service.access.issuer import Issuer
        from runstream_service.access.sign_in import SignIn
    except ModuleNotFoundError as missing:
        raise CannotOpenError(
            f"--oidc-issuer needs packages that are not here ({missing.name}): "
            "pip install '.[server,oidc]' in the sources of Runstream installs them"
        ) from None
    try:
        file = config.client_secret_file
        secret = Path(file).read_text().strip() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CannotOpenError(f"the secret of the client cannot be read: {error}") from None
    rules = ClaimRules(config.name_claim, config.groups_claim, config.writers, config.admins)
    documents = IssuerDocuments(config.issuer)
    issuer = Issuer(documents, config.issuer, config.client_id, config.audiences, rules)
    return Oidc(config.issuer, issuer, SignIn(issuer, secret))
