"""What one caller sends does not stop the others: their calls are answered meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest

from api import Api, batch, refused
from probe import Probe
from runstream.v1.logging_service_pb2 import LogRequest
from runstream.v1.run_pb2 import Param
from server_process import ServerProcess

Probing = Callable[[ServerProcess], Probe]


@pytest.fixture
def server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    return start_server(RUNSTREAM_HTTP_PORT="0")


def test_a_batch_of_many_params_with_one_repeated_is_refused_at_once(
    server: ServerProcess, api: Api, probe: Probing
) -> None:
    run_id = api.new_run()
    keys = [f"p{i}" for i in range(270_000)]
    params = [(key, "") for key in [*keys, keys[-1]]]
    with probe(server) as seen:
        (answer,) = api.stream([batch(run_id, (), params)])
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "PARAM_REPEATED") as refusal:
            api.logging.Log(
                LogRequest(run_id=run_id, params=[Param(key=key) for key, _ in params[-250_000:]])
            )
    assert answer.error.reason == "PARAM_REPEATED"
    assert answer.error.metadata["field"] == refusal.metadata["field"] == f"params.{keys[-1]}"
    seen.assert_others_were_served()
