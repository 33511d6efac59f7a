"""Requests to the API of one MLflow server, which is not trusted."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from runstream.errors import NotFound, RunstreamError, Unavailable
from runstream.transport import proxies

_TIMEOUT = 300
# Bytes of an answer that is JSON: the largest page of MLflow has some ten.
_MAX_JSON_BYTES = 512 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_JSON = {"Content-Type": "application/json"}


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows redirects only within the server."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        """Return the request to go on with."""
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            raise RunstreamError(f"{req.full_url} leads to another server, {newurl[:200]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class MlflowApi:
    """A server of MLflow.

    Attributes:
        uri: its URI.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        proxy = proxies.http_proxy(uri)
        proxy_uris = {} if proxy is None else {uri.partition(":")[0].lower(): proxy.uri}
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxy_uris), _SameOrigin
        )

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """Return what a GET of the API answers."""
        return self._request_json(f"{self.uri}/api/2.0/mlflow/{path}?{urlencode(query)}")

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return what a POST to the API answers."""
        return self._request_json(f"{self.uri}/api/2.0/mlflow/{path}", json.dumps(body).encode())

    def has(self, path: str, body: Mapping[str, Any]) -> bool:
        """Return whether the API has a route for a POST."""
        try:
            self.post(path, body)
        except NotFound:
            return False
        return True

    def list(self, path: str) -> Any:
        """Return the files and folders in a folder of the artifact proxy."""
        return self._request_json(f"{self._artifacts_uri()}?{urlencode({'path': path})}").get(
            "files", ()
        )

    def download(self, path: str, destination: Path, size: int | None) -> None:
        """Download a file of the artifact proxy, of as many bytes as its list says."""
        uri = f"{self._artifacts_uri()}/{quote(path)}"
        remaining = int(size) if size is not None else None
        with self._open(uri) as content, destination.open("xb") as copy:
            try:
                while chunk := content.read(_CHUNK_BYTES):
                    if remaining is not None:
                        remaining -= len(chunk)
                        if remaining < 0:
                            raise RunstreamError(f"{uri} has more than the {size} bytes it says")
                    copy.write(chunk)
            except HTTPException as error:
                raise Unavailable(f"{uri} broke off: {error!r}") from None
        if remaining:
            raise RunstreamError(f"{uri} has {remaining} bytes less than the {size} it says")

    def upload(self, path: str, file: Path) -> None:
        """Upload a file to the artifact proxy."""
        uri = f"{self._artifacts_uri()}/{quote(path)}"
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(file.stat().st_size),
        }
        with (
            file.open("rb") as content,
            self._open(uri, content, method="PUT", headers=headers) as answer,
        ):
            answer.read(_CHUNK_BYTES)

    def _artifacts_uri(self) -> str:
        return f"{self.uri}/api/2.0/mlflow-artifacts/artifacts"

    def _request_json(self, uri: str, body: bytes | None = None) -> Any:
        with self._open(uri, body) as answer:
            try:
                text = answer.read(_MAX_JSON_BYTES + 1)
            except HTTPException as error:
                raise Unavailable(f"{uri} broke off: {error!r}") from None
        if len(text) > _MAX_JSON_BYTES:
            raise RunstreamError(f"{uri} answers more than {_MAX_JSON_BYTES} bytes")
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RunstreamError(f"{uri} answers what is no JSON: {error}") from None
        if not isinstance(parsed, dict):
            raise RunstreamError(f"{uri} answers what is no object")
        return parsed

    def _open(
        self,
        uri: str,
        body: bytes | IO[bytes] | None = None,
        *,
        method: str | None = None,
        headers: Mapping[str, str] = _JSON,
    ) -> Any:
        request = urllib.request.Request(  # noqa: S310 # the user names the server
            uri, body, dict(headers), method=method
        )
        try:
            return self._opener.open(request, timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read(10_000).decode(errors="replace")
            kind = NotFound if error.code == 404 else RunstreamError
            raise kind(f"{uri} answers {error.code}: {text[:500]}") from None
        except (OSError, HTTPException) as error:
            way = proxies.via_proxy(proxies.http_proxy(uri))
            raise Unavailable(f"{self.uri} cannot be reached{way}: {error}") from None
