"""Bodies of requests are read within stated memory, compressed or not, or refused."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from support.probe import Probe, peak_memory, reset_peak, resident_memory
from support.rest import Rest
from support.server_process import ServerProcess

Probing = Callable[[ServerProcess], Probe]
MIB = 1024 * 1024


def test_large_bodies_at_once_leave_others_served_and_memory_bounded(
    server: ServerProcess, probe: Probing
) -> None:
    bodies = [
        b'{"name": [' + b'{"a": 1.5},' * 370_000 + b"1]}",
        b'{"name": [' + b'{"a": 1.5},' * 90_000 + b"1]}",
        b'{"name": [' + b"1.5," * 1_000_000 + b"1]}",
        b'{"name": "' + b"a" * (4 * MIB - 100) + b'"}',
        b"[" * 4 * MIB,
    ]
    calls = [("experiments/create", body) for body in bodies]
    profiles = [b"a" * 23 * MIB, b'\\"' * 11 * MIB, b"[" * 23 * MIB]
    calls += [
        ("runs/log-inputs", b'{"datasets": [{"dataset": {"profile": "' + profile + b'"}}]}')
        for profile in profiles
    ]

    def post(call: tuple[str, bytes]) -> int:
        path, body = call
        url = f"{server.http}/api/2.0/mlflow/{path}"
        return requests.post(url, data=body, timeout=120).status_code

    with probe(server) as seen, ThreadPoolExecutor(12) as pool:
        reset_peak(server)
        before = resident_memory(server)
        statuses = set(pool.map(post, calls * 3))
        peak = peak_memory(server) - before
        # A usual request is read meanwhile, whatever the large ones take.
        assert post(("experiments/create", b'{"name": "a"}')) == 200
    assert statuses <= {400, 429}
    assert resident_memory(server) - before < 100
    assert peak < 400, peak
    seen.assert_others_were_served()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused_before_it_is_held(
    server: ServerProcess, rest: Rest, chunked: bool
) -> None:
    before = resident_memory(server)
    body: Any = (b" " * 1024 * 1024 for _ in range(64)) if chunked else b" " * 64 * 1024 * 1024
    answer = rest.session.post(f"{rest.uri}/api/2.0/mlflow/experiments/create", data=body)
    assert answer.status_code == 400
    assert answer.json()["message"] == "The body is larger than 4194304 bytes"
    assert resident_memory(server) - before < 48


def test_lines_that_are_refused_are_not_kept_and_hold_nobody_up(
    server: ServerProcess, rest: Rest, probe: Probing
) -> None:
    url = f"{rest.uri}/api/1.0/runstream/logs/stream"
    line = b'{"run_id": "nobody", "params": [{"key": "a", "value": "b"}]}\n'
    for piece, count in ((line * 2_000, 20), (b"x\n" * 20_000, 10)):
        with probe(server) as seen:
            reset_peak(server)
            before = resident_memory(server)
            told = rest.session.post(url, data=iter([piece] * count)).json()
            assert peak_memory(server) - before < 32
        assert told["lines"] == told["refused"] == piece.count(b"\n") * count
        assert len(told["refusals"]) == 1_000
        seen.assert_others_were_served()


def test_compressed_bodies_are_read(rest: Rest) -> None:
    url = f"{rest.uri}/api/2.0/mlflow/experiments/create"
    raw = zlib.compressobj(wbits=-15)
    for i, (encoding, body) in enumerate(
        (
            ("gzip", gzip.compress(b'{"name": "0"}')),
            ("GZIP", gzip.compress(b'{"name": "1"}')),
            ("deflate", zlib.compress(b'{"name": "2"}')),
            ("deflate", raw.compress(b'{"name": "3"}') + raw.flush()),
            ("identity", b'{"name": "4"}'),
        )
    ):
        answer = rest.session.post(url, data=body, headers={"content-encoding": encoding})
        assert answer.json() == {"experiment_id": str(i + 1)}, encoding
    run_id = rest.create_run()
    lines = json.dumps({"run_id": run_id, "params": [{"key": "a", "value": "b"}]}).encode()
    told = rest.session.post(
        f"{rest.uri}/api/1.0/runstream/logs/stream",
        data=gzip.compress(lines),
        headers={"content-encoding": "gzip"},
    )
    assert told.json() == {"lines": 1, "refused": 0, "refusals": []}
    path = f"{rest.uri}/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a"
    packed = gzip.compress(b"hello")
    rest.session.put(path, data=packed, headers={"content-encoding": "gzip"}).raise_for_status()
    assert rest.session.get(path).content == b"hello"


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", b"...", 415),
        ("gzip, br", b"...", 415),
        ("gzip", b'{"name": "a"}', 400),
        ("gzip", gzip.compress(b'{"name": "a"}', mtime=0)[:-9], 400),
        ("deflate", b"\xff\xff", 400),
        ("gzip", gzip.compress(bytes(64 * 1024 * 1024), mtime=0), 400),  # 64 kB that hold 64 MiB
    ],
)
def test_what_is_not_compressed_as_it_says_is_refused(
    server: ServerProcess, rest: Rest, encoding: str, body: bytes, status: int
) -> None:
    before = resident_memory(server)
    answer = rest.session.post(
        f"{rest.uri}/api/2.0/mlflow/experiments/create",
        data=body,
        headers={"content-encoding": encoding},
    )
    assert (answer.status_code, answer.json()["error_code"]) == (status, "BAD_REQUEST")
    assert resident_memory(server) - before < 48
