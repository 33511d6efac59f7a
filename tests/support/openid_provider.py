"""A real OpenID provider in a process of its own, and people who sign in there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import requests

from support.ports import reserve_port

PROGRAM = Path(__file__).with_name("openid_provider_program.py")


class OpenIdProvider:
    """A running provider.

    Attributes:
        issuer: its URL.
    """

    def __init__(
        self, folder: Path, server: str, users: dict[str, list[str]], secret: str = ""
    ) -> None:
        """Start it.

        Args:
            folder: for its file.
            server: the URL of the interface of Runstream.
            users: the groups of each.
            secret: that of Runstream there; empty if it has none.
        """
        port = reserve_port()
        self.issuer = f"http://127.0.0.1:{port}/o"
        callback = f"{server}/sign-in/callback"
        people = [f"{name}={','.join(groups)}" for name, groups in users.items()]
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, folder, str(port), callback, secret, *people],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def options(self, **more: str) -> dict[str, str]:
        """Return the environment of a server that trusts it."""
        return {
            "RUNSTREAM_OIDC_ISSUER": self.issuer,
            "RUNSTREAM_OIDC_CLIENT_ID": "runstream",
            "RUNSTREAM_OIDC_NAME_CLAIM": "preferred_username",
        } | more

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def sign_in(browser: requests.Session, server: str, user: str) -> requests.Response:
    """Sign in as a browser does that follows what it is told; return the last answer."""
    page = browser.get(f"{server}/sign-in/start")
    if 'name="password"' not in page.text:
        return page
    values = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    values |= {"username": user, "password": f"password of {user}"}
    values["next"] = values["next"].replace("&amp;", "&")
    return browser.post(page.url, values)
