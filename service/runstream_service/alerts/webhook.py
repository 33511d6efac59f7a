"""Posts an alert to a webhook, signed as Standard Webhooks says, to an address that was checked.

The name of the host is looked up once, and the connection is made to an address that was found and
checked; so a name that leads elsewhere a moment later leads nowhere. No redirect is followed.

The convention of the headers is that of https://www.standardwebhooks.com (its specification of
2023): `webhook-signature` is `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import socket
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cache, partial
from importlib.metadata import version
from urllib.parse import urlsplit

import h11

from runstream_service.alerts.addresses import is_public

#: Seconds that all of it may take.
DEADLINE = 15.0

#: Seconds that the connection to one address may take, so that there is time for another one.
CONNECT_DEADLINE = 4.0

#: Bytes of an answer that are read at the most, to find its status.
ANSWER_BYTES = 64 * 1024

# Addresses of a host that are tried, and bytes that are read at a time.
_ADDRESSES = 3
_READ_BYTES = 16 * 1024

# What a receiver answers that has too much to do, and may say until when.
_BUSY = (429, 503)

# A look-up goes on after the deadline; so it takes no thread from others.
_LOOKUPS = ThreadPoolExecutor(64, "webhook-lookup")


class DeliveryError(Exception):
    """The destination has not taken the alert; the text says why, for people.

    Attributes:
        retry_after: for how many seconds the destination asks to be left alone; 0 if it does not.
    """

    def __init__(self, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


def signed_headers(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """Return the headers that tell a receiver who has sent this, and when.

    Args:
        secret: `whsec_` and the base64 of the key.
        message_id: the same each time that the message is sent.
        body: the message.
    """
    timestamp = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


async def post(url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> None:
    """Post a message of JSON; return when the receiver has answered that it has it.

    Args:
        url: the webhook.
        headers: more headers.
        body: the message.
        allow_private: whether it may be on this machine or in a private network.

    Raises:
        DeliveryError: it has not answered 2xx within the deadline, or is at no address that it
            may have.
    """
    try:
        await asyncio.wait_for(_post(url, headers, body, allow_private), DEADLINE)
    except asyncio.TimeoutError:
        raise DeliveryError(f"no answer within {DEADLINE:g} s") from None
    except (OSError, UnicodeError, h11.ProtocolError) as error:  # also of a host that is no name
        raise DeliveryError(f"{type(error).__name__}: {error}") from None


async def _post(url: str, headers: Mapping[str, str], body: bytes, allow_private: bool) -> None:
    parts = urlsplit(url)
    host, is_secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_secure else 80)
    addresses = await _addresses(host, port, allow_private)
    reader, writer = await _connect(addresses, port, host if is_secure else None)
    try:
        connection = h11.Connection(h11.CLIENT)
        request = h11.Request(
            method="POST",
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            headers=[
                ("host", parts.netloc),
                ("user-agent", f"runstream/{version('runstream')}"),
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
                *headers.items(),
            ],
        )
        events = (request, h11.Data(data=body), h11.EndOfMessage())
        writer.write(b"".join(connection.send(event) or b"" for event in events))
        await writer.drain()
        _check_status(await _read_head(connection, reader))
    finally:
        writer.close()  # which is not waited for: a receiver may never end its side of TLS


async def _addresses(host: str, port: int, allow_private: bool) -> list[str]:
    """Return the addresses of a host, all of which are allowed."""
    lookup = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, lookup)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not (allow_private or is_public(address)):
            raise DeliveryError(
                f"{host} is this machine or in a private network; a server calls those only "
                "with --alert-private-webhooks"
            )
    return addresses[:_ADDRESSES]


async def _connect(
    addresses: list[str], port: int, tls_name: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first of some addresses that can be reached."""
    failure: OSError | None = None
    for address in addresses:
        try:
            connecting = asyncio.open_connection(
                address,
                port,
                ssl=_tls_context() if tls_name else None,
                server_hostname=tls_name,
            )
            return await asyncio.wait_for(connecting, CONNECT_DEADLINE)
        except ssl.SSLError:
            raise
        except asyncio.TimeoutError:
            failure = OSError(f"no connection within {CONNECT_DEADLINE:g} s")
        except OSError as error:
            failure = error
    raise failure or DeliveryError("the host has no address")


async def _read_head(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    """Return the head of the answer, whose body is not read."""
    left = ANSWER_BYTES
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            return event
        if event is h11.NEED_DATA:
            data = await reader.read(_READ_BYTES)
            left -= len(data)
            if not data:
                raise DeliveryError("the connection ended without an answer")
            if left < 0:
                raise DeliveryError(f"no answer within {ANSWER_BYTES:,} bytes")
            connection.receive_data(data)


def _check_status(head: h11.Response) -> None:
    status = head.status_code
    if not 200 <= status < 300:
        hint = "; redirects are not followed" if 300 <= status < 400 else ""
        retry_after = dict(head.headers).get(b"retry-after", b"") if status in _BUSY else b""
        raise DeliveryError(f"it answered {status}{hint}", _seconds(retry_after.decode("latin-1")))


def _seconds(retry_after: str) -> float:
    """Return how many seconds a `Retry-After` says, by a number or a date; 0 if it says nothing."""
    if retry_after.isdecimal():
        return float(retry_after)
    with suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    return 0.0


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()
