"""Requests that were mutated at random, for every route: no fault of the server, no silence."""

from __future__ import annotations

import json
import random
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from runstream_service.http.contract import Contract
from support.fuzzing import SECONDS, FuzzedServer
from support.http_routes import routes

THREADS = 4

DEEP = "[" * 1_000 + "]" * 1_000
# What each of them broke once, or could: texts as JSON, to stand where a value stands.
VALUES = [
    *("null", "true", "0", "-1", "1.5", "NaN", "Infinity", "-Infinity", "1e999", '""', "[]", "{}"),
    *("99999999999", str(2**63), "-" + "9" * 400, "9" * 5_000, '"1.7e+12"', '"NaN"', '"RUNNING"'),
    *(r'"\ud800"', r'"a\udfffb"', r'"\u0000"', '"ü"', '"' + "a" * 70_000 + '"', DEEP, "[[[]]]"),
    *('"m-' + "0" * 32 + '"', '"' + "0" * 32 + '"', '"../a"', '"data:a/b"', '"a/b"', '["0"]'),
    *('"W10="', '"bnVsbA=="', '"mlflow-artifacts://other:1/x"', '"metrics.a > 1"', '"a = "'),
    *('{"key": "a", "value": "b"}', '[{"key": "a", "value": 1, "timestamp": 1}]', "[null]"),
]
HEADERS = [
    *("Origin: http://[", "Origin: null", "Host: evil.example", "Host: [", "Host: "),
    *("Range: bytes=0-", f"Range: bytes={'9' * 5_000}-", f"Range: bytes=-{'9' * 5_000}"),
    *("Range: bytes=5-1", "Range: a", "If-None-Match: *", 'If-None-Match: W/"a", b', "If-Range: a"),
    *("Content-Encoding: br", "Content-Encoding: gzip", "Content-Type: text/html; charset=\xff"),
    *("Last-Event-ID: 1", "Last-Event-ID: \xff", "Accept-Encoding: gzip", "Connection: close"),
    *("Connection: upgrade", "Upgrade: websocket", "Sec-Fetch-Site: cross-site", "X: \x01"),
    "Expect: 100-continue",
]
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"]
MARKS = [b"\0", b"\xff", b"\r\n", b"%", b"%00", b"%ff", b"..", b"/", b"?", b"#", b'"', b"{", b"["]


class Fuzzer:
    """Makes requests of one kind after another, the same in every process."""

    def __init__(self, seed: int, fuzzed: FuzzedServer) -> None:
        self._random = random.Random(seed)
        self._names, self._tokens = fuzzed.names, fuzzed.tokens
        self._requests = {
            (rpc.verb, prefix + rpc.path.removeprefix("/api/")): rpc.request
            for rpc in Contract().rpcs
            for prefix in ("/api/", "/ajax-api/")
        }

    def request(self, method: str, path: str) -> tuple[bytes, bool]:
        """Make a request; return it, and whether it is complete for certain."""
        draw = self._random
        descriptor = self._requests.get((method, path))
        said = self._object(descriptor) if descriptor else self._loose()
        parts = path.split("{")
        path = parts[0] + "".join(
            quote(draw.choice(self._names)) + p.split("}")[1] for p in parts[1:]
        )
        body = b""
        if method in ("GET", "HEAD", "DELETE") or draw.random() < 0.1:
            pairs = [(name, json_text(value)) for name, value in said]
            path += "?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
        else:
            body = f"{{{', '.join(f'{json.dumps(n)}: {v}' for n, v in said)}}}".encode()
            if draw.random() < 0.4:
                body = self._mutated(body)
        if draw.random() < 0.05:
            method = draw.choice(
                ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"]
            )
        # An admin, whom nothing is denied, must not revoke their own token.
        token = self._tokens["bob" if "revoke" in path else "root"]
        headers = [
            "Host: localhost",
            f"Authorization: Bearer {token}",
            f"Content-Length: {len(body)}",
        ]
        if draw.random() < 0.2:
            headers.append(draw.choice(HEADERS))
        lines = [f"{method} {path} HTTP/1.1", *headers]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        if draw.random() < 0.1:
            return self._mutated(head) + body, False
        return head + body, "Expect" not in headers[-1]

    def _object(self, descriptor: Descriptor) -> list[tuple[str, str]]:
        """Return some fields of a message and their JSON, mostly of the right kind."""
        draw = self._random
        fields = [field for field in descriptor.fields if draw.random() < 0.8]
        return [(field.name, self._value(field)) for field in fields]

    def _loose(self) -> list[tuple[str, str]]:
        names = ("run_id", "path", "run_ids", "metric_keys", "experiment_ids", "position", "x")
        return [(name, self._any()) for name in names if self._random.random() < 0.6]

    def _value(self, field: Any) -> str:
        draw = self._random
        if draw.random() < 0.2:
            return self._any()
        if field.is_repeated if hasattr(field, "is_repeated") else field.label == 3:
            items = [self._single(field) for _ in range(draw.randrange(3))]
            return f"[{', '.join(items)}]"
        return self._single(field)

    def _single(self, field: Any) -> str:
        draw = self._random
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            pairs = self._object(field.message_type)
            return f"{{{', '.join(f'{json.dumps(name)}: {value}' for name, value in pairs)}}}"
        if field.type == FieldDescriptor.TYPE_STRING:
            return json.dumps(draw.choice(self._names))
        return str(draw.choice([0, 1, 2, 3, 1_700_000_000_000]))

    def _any(self) -> str:
        draw = self._random
        return draw.choice(VALUES) if draw.random() < 0.7 else json.dumps(draw.choice(self._names))

    def _mutated(self, content: bytes) -> bytes:
        draw, mutated = self._random, bytearray(content)
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(mutated) + 1)
            match draw.randrange(5):
                case 0:
                    mutated[at:at] = draw.choice(MARKS)
                case 1:
                    mutated[at : at + 1] = bytes([draw.randrange(256)])
                case 2:
                    del mutated[at : at + draw.randrange(1, 9)]
                case 3:
                    mutated[at:at] = mutated[at : at + draw.randrange(1, 40)] * draw.randrange(
                        1, 50
                    )
                case _:
                    del mutated[at:]
        return bytes(mutated)


def json_text(value: str) -> str:
    """Return what a value of JSON is in a query."""
    try:
        text = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return text.encode(errors="replace").decode() if isinstance(text, str) else value


def answer(address: tuple[str, int], request: bytes, complete: bool) -> bytes:
    """Send a request; return the line of its status, empty if the connection ended before."""
    with socket.create_connection(address, timeout=60) as connection:
        try:
            connection.sendall(request)
            connection.settimeout(60 if complete else 0.3)
            got = b""
            while b"\n" not in got:
                part = connection.recv(4_096)
                if not part:
                    break
                got += part
            return got.partition(b"\r\n")[0]
        except TimeoutError:
            return b"none" if complete else b"incomplete"
        except (ConnectionResetError, BrokenPipeError):
            return b""


def test_mutated_requests_are_answered_and_are_no_faults(fuzzed: FuzzedServer) -> None:
    host, _, port = fuzzed.server.http.removeprefix("http://").rpartition(":")
    table = routes()
    assert len(table) > 100
    deadline = time.monotonic() + SECONDS / 2

    def fuzz(seed: int) -> int:
        fuzzer = Fuzzer(seed, fuzzed)
        sent = 0
        while sent < len(table) or time.monotonic() < deadline:
            request, complete = fuzzer.request(*table[(seed * 37 + sent) % len(table)])
            status = answer((host, int(port)), request, complete)
            fine = re.match(rb"HTTP/1\.[01] (?:[1-4]\d\d|501) |incomplete$", status)
            assert fine, (status, request[:3_000])
            sent += 1
        return sent

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(fuzz, range(THREADS))) >= THREADS * len(table)
