"""Sends an alert by e-mail through an SMTP server."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.header import Header
from email.mime.text import MIMEText
from email.utils import format_datetime, localtime, parseaddr
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from runstream_service.alerts.webhook import DeliveryError

#: Seconds that a mail may take, and each step of it.
DEADLINE = 60.0
TIMEOUT = 15.0

_FORM = "smtps://user:password@host:port?from=name@host"
_PORTS = {"smtp": 587, "smtps": 465}


class SmtpServer(NamedTuple):
    """The server through which e-mail is sent.

    Attributes:
        is_secure: whether TLS begins with the connection, and not by STARTTLS.
        user: who signs in; "" if nobody does.
        sender: the address from which mails come.
    """

    host: str
    port: int
    is_secure: bool
    user: str
    password: str
    sender: str


def parse_smtp_url(url: str) -> SmtpServer:
    """Return the server of a URL.

    Raises:
        ValueError: the URL is malformed; the text does not have it, because of its password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"it is not of the form {_FORM}") from None
    senders = parse_qs(parts.query).get("from", [])
    if parts.scheme not in _PORTS or not parts.hostname or len(senders) != 1:
        raise ValueError(f"it is not of the form {_FORM}")
    host = parseaddr(senders[0])[1].rpartition("@")[2]
    if not host or not senders[0].isascii() or not senders[0].isprintable():
        raise ValueError("`from` is no address of e-mail")
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        is_secure=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=senders[0],
    )


def compose(to: str, subject: str, text: str, message_id: str, sender: str) -> MIMEText:
    """Return a mail, whose id is the same each time that it is sent."""
    # No EmailMessage: it decodes encoded words that a subject has, and in them may be new lines.
    mail = MIMEText(text, "plain", "utf-8")
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = Header(subject, "utf-8", header_name="Subject").encode()
    mail["Date"] = format_datetime(localtime())
    host = parseaddr(sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{message_id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def send(server: SmtpServer, mail: MIMEText) -> None:
    """Send a mail; return when the server has taken it, or the deadline has passed.

    A password is sent over TLS alone, but for a server on this machine.

    Raises:
        DeliveryError: the server has not taken it.
    """
    context = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(timeout=TIMEOUT, context=context)
        if server.is_secure
        else smtplib.SMTP(timeout=TIMEOUT)
    )
    try:
        with _deadline(connection) as has_passed, connection:
            _open(connection, server, context)
            connection.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        if has_passed.is_set():
            raise DeliveryError(f"no answer within {DEADLINE:g} s") from None
        raise DeliveryError(f"{type(error).__name__}: {error}") from None


@contextmanager
def _deadline(connection: smtplib.SMTP) -> Iterator[threading.Event]:
    """Break off a connection that is not done within the deadline; yield what says that it was.

    The timeout of a socket begins anew with each byte.
    """
    is_done, has_passed = threading.Event(), threading.Event()

    def watch() -> None:
        seconds = DEADLINE
        while not is_done.wait(seconds):
            has_passed.set()
            if connection.sock is not None:
                with suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
            seconds = 1.0  # it may not have been connected yet

    watcher = threading.Thread(target=watch, name="mail-deadline", daemon=True)
    watcher.start()
    try:
        yield has_passed
    finally:
        is_done.set()


def _open(connection: smtplib.SMTP, server: SmtpServer, context: ssl.SSLContext) -> None:
    """Connect, begin TLS and sign in."""
    # The name in its certificate, which else only a constructor sets that connects at once.
    connection._host = server.host  # type: ignore[attr-defined]
    connection.connect(server.host, server.port)
    connection.ehlo()
    if not server.is_secure:
        if connection.has_extn("starttls"):
            connection.starttls(context=context)
        elif server.user and not _is_loopback(server.host):
            raise DeliveryError(
                f"{server.host} offers no TLS, and a password is not sent without it"
            )
    if server.user:
        connection.login(server.user, server.password)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
