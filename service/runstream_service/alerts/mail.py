"""Sends an alert by e-mail through an SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from runstream_service.alerts.webhook import DeliveryError

#: Seconds that the server may take for each step.
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
    if "@" not in senders[0] or not senders[0].isascii() or not senders[0].isprintable():
        raise ValueError("`from` is no address of e-mail")
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        is_secure=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=senders[0],
    )


def compose(to: str, subject: str, text: str, message_id: str, sender: str) -> EmailMessage:
    """Return a mail, whose id is the same each time that it is sent."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    return mail


def send(server: SmtpServer, mail: EmailMessage) -> None:
    """Send a mail; return when the server has taken it.

    A password is sent over TLS alone, but for a server on this machine.

    Raises:
        DeliveryError: the server has not taken it.
    """
    try:
        with _connect(server) as connection:
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(f"{type(error).__name__}: {error}") from None


def _connect(server: SmtpServer) -> smtplib.SMTP:
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    if server.is_secure:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context())
    connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    connection.ehlo()
    if connection.has_extn("starttls"):
        connection.starttls(context=context())
        connection.ehlo()
    elif server.user and not _is_loopback(server.host):
        connection.close()
        raise DeliveryError(f"{server.host} offers no TLS, and a password is not sent without it")
    return connection


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
