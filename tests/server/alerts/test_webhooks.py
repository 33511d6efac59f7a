"""Webhooks of hostile receivers, at hostile addresses: rows N3 and N9."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from runstream_service.alerts import webhook
from runstream_service.alerts.addresses import is_public
from runstream_service.alerts.webhook import DeliveryError
from support.receivers import open_receiver
from support.tls import CertificateFolder

pytestmark = pytest.mark.sqlite


def post(url: str, *, allow_private: bool = True) -> None:
    asyncio.run(webhook.post(url, {}, b"{}", allow_private=allow_private))


@contextmanager
def saying(text: bytes, more: bytes = b"", pause: float = 0) -> Iterator[str]:
    """Answer each request with a text, then with more of it for ever; yield the URL."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(text)
                while more:
                    connection.sendall(more)
                    time.sleep(pause)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1"),
        *("192.0.0.8", "192.0.2.1", "192.168.0.1", "198.18.0.1", "203.0.113.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1"),
        *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::808:808", "100::1"),
        *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "2002:7f00:1::", "3fff::1"),
        *("5f00::1", "fc00::1", "fd00::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"),
        *("", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "a name"),
    ],
)
def test_an_address_that_is_not_of_the_internet_is_private(address: str) -> None:
    """N3."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"],
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    """N3."""
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0",
        "localhost.",
        "127.0.0.1.",
        "ip6-localhost",
    ],
)
def test_however_a_private_address_is_spelled_it_is_not_called(host: str) -> None:
    """N3."""
    with open_receiver() as receiver:
        port = receiver.url.rpartition(":")[2]
        with pytest.raises(DeliveryError):
            post(f"http://{host}:{port}/", allow_private=False)
    assert receiver.posted == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """N3."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with open_receiver() as receiver:
        post(f"{receiver.url}/direct")
    assert [each.path for each in receiver.posted] == ["/direct"]


def test_a_webhook_is_posted_over_tls_to_the_one_whom_the_certificate_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N9."""
    folder = CertificateFolder(tmp_path / "certificates")
    files = folder.issue("hook", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files["cert"], files["key"])
    monkeypatch.setattr(webhook, "_tls_context", ssl.create_default_context)
    with open_receiver(context) as receiver:
        with pytest.raises(DeliveryError, match="certificate verify failed"):
            post(receiver.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(folder.ca))
        with pytest.raises(DeliveryError, match=r"certificate .*'localhost'"):
            post(receiver.url.replace("127.0.0.1", "localhost"))
        assert receiver.posted == []
        post(f"{receiver.url}/secure")
    assert [(each.path, json.loads(each.body)) for each in receiver.posted] == [("/secure", {})]


@pytest.mark.parametrize(
    ("text", "more", "pause", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"a", 0.02, r"no answer within 0\.5 s"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0, "no answer within 65,536 bytes"),
        (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 1000, 0, "Receive buffer too long"),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000, b"", 0, "Receive buffer too long"),
        (b"\0\xff\r\n\r\n", b"", 0, "RemoteProtocolError"),
        (b"", b"", 0, "ended without an answer|Connection reset"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"", 0, "RemoteProtocolError"),
        (b"HTTP/1.1 429 Later\r\nRetry-After: 1\r\n\r\n", b"", 0, "it answered 429"),
    ],
)
def test_a_receiver_that_answers_endlessly_or_nonsense_has_not_got_it(
    monkeypatch: pytest.MonkeyPatch, text: bytes, more: bytes, pause: float, error: str
) -> None:
    """N9."""
    monkeypatch.setattr(webhook, "DEADLINE", 0.5 if pause else 15)
    with saying(text, more, pause) as url, pytest.raises(DeliveryError, match=error):
        post(url)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, "60", 60),
        (503, "60", 60),
        (500, "60", 0),
        (429, "", 0),
        (429, "soon", 0),
        (429, "-5", 0),
        (429, "Sun, 06 Nov 1994 08:49:37 GMT", 0),
        (429, "Fri, 31 Dec 9999 23:59:59 +9999999999999", 0),
        (429, "9" * 5_000, math.inf),
    ],
)
def test_a_receiver_that_is_busy_says_for_how_long(
    status: int, retry_after: str, seconds: float
) -> None:
    """N9."""
    text = f"HTTP/1.1 {status} Later\r\nRetry-After: {retry_after}\r\n\r\n".encode()
    with saying(text) as url, pytest.raises(DeliveryError, match=f"{status}$") as refusal:
        post(url)
    assert refusal.value.retry_after == seconds


def test_a_receiver_that_is_busy_says_until_when() -> None:
    """N9."""
    until = formatdate(time.time() + 100, usegmt=True)
    text = f"HTTP/1.1 503 Later\r\nRetry-After: {until}\r\n\r\n".encode()
    with saying(text) as url, pytest.raises(DeliveryError, match="503") as refusal:
        post(url)
    assert 80 < refusal.value.retry_after <= 100


def test_what_follows_a_success_is_not_read() -> None:
    """N9."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with saying(head, b"10000\r\n" + b"x" * 65536 + b"\r\n") as url:
        post(url)


def test_another_address_of_a_name_is_called_if_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """N9."""
    monkeypatch.setattr(webhook, "CONNECT_DEADLINE", 0.2)
    real = asyncio.open_connection

    async def connect(host: str, port: int, **options: Any) -> Any:
        if host == "2001:db8::1":
            await asyncio.sleep(60)
        return await real(host, port, **options)

    def resolve(_: str, port: int, **__: Any) -> list[Any]:
        kind = socket.SOCK_STREAM, 6, ""
        away = (socket.AF_INET6, *kind, ("2001:db8::1", port, 0, 0))
        return [away, (socket.AF_INET, *kind, ("127.0.0.1", port))]

    with open_receiver() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        monkeypatch.setattr(asyncio, "open_connection", connect)
        post(f"http://hooks.example.com:{receiver.url.rpartition(':')[2]}/second")
    assert [each.path for each in receiver.posted] == ["/second"]
