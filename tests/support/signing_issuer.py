"""An issuer whose tokens a test writes, also those that no provider would write."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "runstream"

_KINDS: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class SigningIssuer:
    """A server of the documents of an issuer, and the keys of it.

    Attributes:
        url: the issuer.
        reads: how often its keys were read.
        is_down: whether it answers 503.
    """

    def __init__(self) -> None:
        self.reads, self.is_down, self._number = 0, False, 0
        self._public: list[dict[str, Any]] = []
        self.rotate()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer._document(self.path)).encode()
                self.send_response(503 if issuer.is_down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def rotate(self) -> None:
        """Make new keys, one for each algorithm; the old ones stay published."""
        self._keys = {algorithm: make() for algorithm, make in _KINDS.items()}
        self._number += 1
        for algorithm, key in self._keys.items():
            public = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
            self._public.append({**public, "kid": self.key_name(algorithm), "use": "sig"})

    @property
    def public_key(self) -> Any:
        """The public key of RS256."""
        return self._keys["RS256"].public_key()

    def key_name(self, algorithm: str = "RS256") -> str:
        """Return the name of the key that signs by an algorithm."""
        return f"{algorithm} {self._number}"

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token; None takes one away."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 600}
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, **changes: Any) -> str:
        """Return a token that it has signed."""
        return self.sign(self.claims(**changes))

    def sign(self, claims: dict[str, Any], algorithm: str = "RS256", **header: Any) -> str:
        """Return a token of any claims, with more in its header."""
        header = {"kid": self.key_name(algorithm), **header}
        return jwt.encode(claims, self._keys[algorithm], algorithm, header)

    def options(self, **more: str) -> dict[str, str]:
        """Return the environment of a server that trusts it."""
        return {
            "RUNSTREAM_OIDC_ISSUER": self.url,
            "RUNSTREAM_OIDC_CLIENT_ID": AUDIENCE,
        } | more

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _document(self, path: str) -> dict[str, Any]:
        if path == "/keys":
            self.reads += 1
            return {"keys": self._public}
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
