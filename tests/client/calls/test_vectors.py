"""What is logged is read to the last bit; tests of the JVM clients do the same across languages."""

from __future__ import annotations

import pytest

from runstream import InvalidArgument, TrackingClient
from support import vectors
from support.server_process import ServerProcess


def test_every_bit_comes_back(server: ServerProcess) -> None:  # M1 to M3, P1, P3
    with TrackingClient(server.uri) as client:
        run_id = vectors.log_vectors(client)
    with TrackingClient(server.uri) as client:
        vectors.check_vectors(client, run_id)


def test_keys_have_every_character_but_control_characters(server: ServerProcess) -> None:  # M1
    with TrackingClient(server.uri) as client:
        run_id = client.create_run().info.run_id
        for key in vectors.KEYS["refused"]:
            with pytest.raises(InvalidArgument, match=r"metric|key"):
                client.log_metric(run_id, key, 1.0)
        for key in vectors.KEYS["allowed"]:
            client.log_metric(run_id, key, 1.0)
            client.log_param(run_id, key, key)
            client.set_tag(run_id, key, key)
        data = client.get_run(run_id).data
        assert data.metrics == dict.fromkeys(vectors.KEYS["allowed"], 1.0)
        assert data.params == {key: key for key in vectors.KEYS["allowed"]}
