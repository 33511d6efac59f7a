"""An OpenID provider: django-oauth-toolkit, as its manual says, with a file of its own.

    python openid_provider_program.py FOLDER PORT REDIRECT_URI SECRET USER=GROUP,… USER=GROUP,…

Each user has the password `password of USER`. It prints a line when it answers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

_LOGIN = """<form method="post">{% csrf_token %}<label>User <input name="username"></label>
<label>Password <input name="password" type="password"></label>
<input type="hidden" name="next" value="{{ next }}"><button>Log in</button></form>"""


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _configure(folder: Path, port: int) -> None:
    middleware = "django.contrib.{}.middleware.{}Middleware".format
    settings.configure(
        SECRET_KEY="of a test",
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": folder / "provider.db",
                "OPTIONS": {"timeout": 30},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        LOGIN_URL="/login",
        MIDDLEWARE=[
            middleware("sessions", "Session"),
            "django.middleware.csrf.CsrfViewMiddleware",
            middleware("auth", "Authentication"),
        ],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_ISS_ENDPOINT": f"http://127.0.0.1:{port}/o",
            "OIDC_RSA_PRIVATE_KEY": _new_key(),
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
            "SCOPES": {"openid": "who it is", "profile": "name", "groups": "groups"},
            "PKCE_REQUIRED": True,
        },
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF=__name__,
        SESSION_COOKIE_NAME="provider",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        ("django.template.loaders.locmem.Loader", {"login.html": _LOGIN}),
                    ]
                },
            }
        ],
        USE_TZ=True,
    )
    django.setup()


def _fill(redirect_uri: str, secret: str, users: list[str]) -> None:
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from oauth2_provider.models import get_application_model

    call_command("migrate", verbosity=0)
    get_application_model().objects.create(
        name="Runstream",
        client_id="runstream",
        client_secret=secret,
        client_type="confidential" if secret else "public",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        redirect_uris=redirect_uri,
        skip_authorization=True,
    )
    for text in users:
        name, _, groups = text.partition("=")
        user = User.objects.create_user(name, password=f"password of {name}")
        for group in filter(None, groups.split(",")):
            user.groups.add(Group.objects.get_or_create(name=group)[0])


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    folder, port, redirect_uri, secret, *users = sys.argv[1:]
    sys.modules["openid_provider_program"] = sys.modules[__name__]
    __name__ = "openid_provider_program"
    _configure(Path(folder), int(port))

    from django.contrib.auth.views import LoginView
    from django.core.wsgi import get_wsgi_application
    from django.urls import include, path
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Validator(OAuth2Validator):  # type: ignore[misc] # it has no types
        """Also tells name and groups."""

        oidc_claim_scope = None

        def get_additional_claims(self, request: Any) -> dict[str, Any]:
            groups = request.user.groups.values_list("name", flat=True)
            return {"preferred_username": request.user.username, "groups": list(groups)}

    urlpatterns = [
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("login", LoginView.as_view(template_name="login.html")),
    ]
    _fill(redirect_uri, secret, users)
    with make_server("127.0.0.1", int(port), get_wsgi_application(), _Server, _Handler) as server:
        print("ready", flush=True)  # noqa: T201 # for whoever started it
        server.serve_forever()
