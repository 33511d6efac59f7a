"""Mails of alerts, and servers of SMTP that are slow or not who they say: row N10."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runstream_service.alerts import mail
from runstream_service.alerts.mail import SmtpServer, compose, parse_smtp_url, send
from runstream_service.alerts.webhook import DeliveryError
from support.receivers import Mailbox, open_mailbox
from support.tls import CertificateFolder

pytestmark = pytest.mark.sqlite


def server_of(port: int, scheme: str = "smtp", host: str = "127.0.0.1") -> SmtpServer:
    return parse_smtp_url(f"{scheme}://ada:p%40ss@{host}:{port}?from=Runs <runs@example.com>")


def deliver(server: SmtpServer, subject: str = "s", text: str = "t") -> None:
    send(server, compose("bob@example.com", subject, text, "id", server.sender))


def received(mailbox: Mailbox) -> email.message.EmailMessage:
    found = email.message_from_string(mailbox.mails[-1], policy=email.policy.default)
    assert isinstance(found, email.message.EmailMessage)
    return found


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The context of a server whose authority this process trusts, for 127.0.0.1 alone."""
    folder = CertificateFolder(tmp_path / "certificates")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder.ca))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    files = folder.issue("mail", "127.0.0.1")
    context.load_cert_chain(files["cert"], files["key"])
    return context


@pytest.mark.parametrize(
    "title",
    [
        "=?utf-8?q?a=0d=0aBcc:_eve@example.com?=",
        "=?utf-8?q?a=0d=0a=0d=0abody?=",
        "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
        "größer 🔥" * 25,
        "x" * 250,
        "Bcc: eve@example.com",
    ],
)
def test_a_title_stays_in_the_subject_of_a_mail_as_it_is(title: str) -> None:
    """N10."""
    text = "\n.\r\nQUIT\n" + "größe " * 20_000
    with open_mailbox() as mailbox:
        deliver(server_of(mailbox.port), title, text)
    found = received(mailbox)
    assert found["subject"] == title
    assert (found["to"], found["bcc"]) == ("bob@example.com", None)
    assert found["message-id"] == "<id@example.com>"
    is_same = found.get_content() == text
    assert is_same
    assert len(mailbox.mails) == 1
    assert [line for line in mailbox.commands if line.startswith("rcpt")] == [
        "rcpt TO:<bob@example.com>"
    ]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_mail_goes_over_tls_to_the_one_whom_the_certificate_names(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """N10."""
    with open_mailbox(tls, is_secure=scheme == "smtps") as mailbox:
        deliver(server_of(mailbox.port, scheme), "s")
        assert received(mailbox)["subject"] == "s"
        is_by_command = "STARTTLS" in mailbox.commands
        assert is_by_command == (scheme == "smtp")
        before = list(mailbox.commands)
        with pytest.raises(DeliveryError, match=r"certificate .*'localhost'"):
            deliver(server_of(mailbox.port, scheme, "localhost"))
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(DeliveryError, match="certificate verify failed"):
            deliver(server_of(mailbox.port, scheme))
    assert len(mailbox.mails) == 1
    assert not any(line.startswith("AUTH") for line in mailbox.commands[len(before) :])


def test_a_password_is_not_sent_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """N10."""
    monkeypatch.setattr(mail, "_is_loopback", lambda _: False)
    with open_mailbox() as mailbox:
        with pytest.raises(DeliveryError, match="offers no TLS"):
            deliver(server_of(mailbox.port))
        assert not any(line.startswith("AUTH") for line in mailbox.commands)


@contextmanager
def trickling(text: bytes) -> Iterator[int]:
    """Say a text to whoever connects, again and again, a byte at a time, for ever."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def say() -> None:
            connection, _ = listening.accept()
            try:
                while True:
                    for byte in text:
                        connection.sendall(bytes([byte]))
                        time.sleep(0.05)
            except OSError:
                connection.close()

        speaker = threading.Thread(target=say, daemon=True)
        speaker.start()
        yield listening.getsockname()[1]
        speaker.join(10)
        assert not speaker.is_alive()


@pytest.mark.parametrize("text", [b"220-more\r\n", b"2"])
def test_a_server_that_says_a_little_for_ever_has_not_got_a_mail(
    monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    """N10."""
    monkeypatch.setattr(mail, "DEADLINE", 0.5)
    with trickling(text) as port, pytest.raises(DeliveryError, match=r"no answer within 0\.5 s"):
        deliver(server_of(port))
