"""Tokens of OpenID Connect: whether an issuer has signed one for this server, and for whom.

docs/decisions/0059-oidc.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jwt

from runstream.errors import Unauthenticated
from runstream_service.access.caller import Caller
from runstream_service.access.claims import ClaimRules
from runstream_service.access.issuer_documents import Documents, IssuerDocuments
from runstream_service.engine.clock import now

#: Seconds by which the clocks of the issuer and of this server may differ.
CLOCK_SKEW = 60

# Characters of a token; whoever is in very many groups has a long one.
_MAX_CHARACTERS = 64 * 1024

# The algorithms of each type of public keys. `none` is no signature, and in those of HMAC a public
# key would be the secret.
_ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]


#: Tokens that are known at a time.
MAX_KNOWN = 10_000


class _Known(NamedTuple):
    """A token that was good, with the documents of then."""

    documents: Documents
    expiry_time: int
    caller: Caller


class Issuer:
    """The one issuer whose tokens are accepted.

    Attributes:
        client_id: by which it knows this server.
        documents: what it publishes.
    """

    def __init__(
        self,
        documents: IssuerDocuments,
        url: str,
        client_id: str,
        audiences: Iterable[str],
        rules: ClaimRules,
    ) -> None:
        """Prepare.

        Args:
            documents: what it publishes.
            url: who it is, as its tokens have it.
            client_id: by which it knows this server, the audience of ID tokens.
            audiences: others, of access tokens.
            rules: which claims say who somebody is.
        """
        self.client_id, self.documents = client_id, documents
        # A signature takes as long as the rest of a call; it is checked again with other keys.
        self._known: dict[bytes, _Known] = {}
        self._url, self._audiences, self._rules = url, [client_id, *audiences], rules

    async def verify(self, token: str) -> Caller:
        """Return who has shown an ID or access token, and when it expires.

        Raises:
            Unauthenticated: it is not one of this issuer, for this server, and good now.
            Unavailable: the keys of the issuer were never read, and cannot be.
        """
        documents = await self.documents.current()
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and known.documents is documents and known.expiry_time > now():
            return known.caller
        claims = await self._claims(token, self._audiences)
        expiry_time = (int(claims["exp"]) + CLOCK_SKEW) * 1000
        caller = self._rules.caller(claims)._replace(expiry_time=expiry_time)
        if known is None and len(self._known) >= MAX_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[digest] = _Known(documents, expiry_time, caller)
        return caller

    async def verify_sign_in(self, token: str, nonce: str) -> Caller:
        """Return who has signed in by an ID token, which belongs to this one sign-in.

        Raises:
            Unauthenticated, Unavailable: as `verify`.
        """
        claims = await self._claims(token, [self.client_id])
        if claims.get("nonce") != nonce:
            raise _invalid("it is that of another sign-in")
        # To whom it was issued, where several are its audience (OpenID Connect Core, 3.1.3.7).
        if claims.get("azp", self.client_id) != self.client_id:
            raise _invalid("it was issued to somebody else")
        return self._rules.caller(claims)

    async def _claims(self, token: str, audiences: list[str]) -> dict[str, Any]:
        if len(token) > _MAX_CHARACTERS:
            raise _invalid("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            key = _find_key(await self.documents.current(), header)
            if key is None:  # it may be a new one
                key = _find_key(await self.documents.renewed(), header)
            if key is None:
                raise _invalid("the issuer has no such key")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=audiences,
                issuer=self._url,
                leeway=CLOCK_SKEW,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise _invalid(_REASONS.get(type(error), "it is malformed")) from None
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise _invalid("it is malformed") from None
        return claims


_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not good yet",
    jwt.InvalidIssuedAtError: "it is not good yet",
    jwt.InvalidAudienceError: "it is not for this server",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.InvalidSignatureError: "its signature is not that of the issuer",
    jwt.MissingRequiredClaimError: "it lacks a claim",
}


def _invalid(why: str) -> Unauthenticated:
    """Return the error of a token, which says nothing that stands in it."""
    return Unauthenticated(f"the token is not valid: {why}", reason="TOKEN_INVALID")


def _find_key(documents: Documents, header: Mapping[str, Any]) -> jwt.PyJWK | None:
    """Return the key that the header of a token names, for the algorithm that it names.

    A token without a name of its key is good if the issuer has one key for its algorithm.
    """
    algorithm, name = header.get("alg"), header.get("kid")
    found = [
        key
        for key in documents.keys
        if algorithm in _ALGORITHMS.get(key.get("kty", ""), ())
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
        and name in (None, key.get("kid"))
    ]
    return jwt.PyJWK(dict(found[0]), algorithm) if len(found) == 1 else None
