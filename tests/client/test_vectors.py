"""What is logged is read to the last bit; tests of the JVM clients do the same across languages."""

from __future__ import annotations

import vectors
from runstream import TrackingClient
from server_process import ServerProcess


def test_every_bit_comes_back(server: ServerProcess) -> None:  # M1 to M3, P1, P3
    with TrackingClient(server.uri) as client:
        run_id = vectors.log(client)
    with TrackingClient(server.uri) as client:
        vectors.check(client, run_id)
