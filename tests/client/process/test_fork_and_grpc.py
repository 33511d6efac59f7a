"""What a fork does with gRPC, whose threads end with its last channel.

Each test is a program of its own: in the process of the tests, any test before may have left gRPC
something to do.
"""

from __future__ import annotations

import json
import subprocess
import sys
from textwrap import dedent
from typing import Any

import pytest

from runstream import TrackingClient
from support.server_process import ENVIRONMENT, ServerProcess


def run_program(code: str, *arguments: str) -> dict[str, Any]:
    """Run a program; return the object that it prints as JSON at its end."""
    result = subprocess.run(
        [sys.executable, "-c", dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    printed: dict[str, Any] = json.loads(result.stdout)
    return printed


END_OF_GRPC = """
    import gc, json, multiprocessing, os, sys
    import grpc, runstream
    from runstream.calls import sessions

    sessions._GRPC_END_SECONDS = 10  # a busy machine may take its time
    seen = []
    os.register_at_fork(after_in_parent=lambda: seen.append(sessions._has_grpc_threads()))
    if sys.argv[2] == "garbage":
        cycle = [grpc.insecure_channel("127.0.0.1:1")]
        cycle.append(cycle)
        gc.collect()  # so that it is old, which no minor collection looks at
        del cycle
    runstream.set_tracking_uri(sys.argv[1])
    with runstream.start_run() as run:
        runstream.log_metric("loss", 1.0, step=1)
        runstream.flush()
        used = sessions._has_grpc_threads()
        child = multiprocessing.get_context("fork").Process(target=lambda: None)
        child.start()
        child.join()
        runstream.log_metric("loss", 2.0, step=2)
    result = {"used": used, "seen": seen, "child": child.exitcode, "run": run.info.run_id}
    print(json.dumps(result))
"""


@pytest.mark.parametrize("garbage", ["", "garbage"])
def test_grpc_has_shut_down_at_the_fork_and_the_parent_goes_on(
    garbage: str, server: ServerProcess, client: TrackingClient
) -> None:
    result = run_program(END_OF_GRPC, server.uri, garbage)
    run_id = result.pop("run")
    assert result == {"used": True, "seen": [False], "child": 0}
    assert client.get_run(run_id).data.metrics == {"loss": 2.0}


SHARED_GRPC = """
    import json, os, sys
    import grpc, runstream
    from runstream.calls import sessions

    waits = []
    wait_for_end = sessions._wait_for_end_of_grpc

    def wait(seconds):
        has_ended = wait_for_end(seconds)
        waits.append([seconds, has_ended])
        return has_ended

    sessions._wait_for_end_of_grpc = wait
    channel = grpc.insecure_channel("127.0.0.1:1")
    runstream.set_tracking_uri(sys.argv[1])
    with runstream.start_run() as run:
        for step in range(12):
            run.log_metric("loss", 0.5, step=step)
            runstream.flush()  # gRPC is in use at each fork
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
    channel.close()
    in_vain = [seconds for seconds, has_ended in waits if not has_ended]
    long = in_vain.count(sessions._GRPC_END_SECONDS)
    print(json.dumps({"in vain": len(in_vain), "long": long, "run": run.info.run_id}))
"""


def test_forks_are_fast_where_something_else_uses_grpc(
    server: ServerProcess, client: TrackingClient
) -> None:
    """A data loader forks for each of its workers, in each epoch."""
    result = run_program(SHARED_GRPC, server.uri)
    assert result["in vain"] >= 13  # twice in the first fork, then once in each
    assert result["long"] <= 4  # twice in a minute, and not in each fork
    assert len(client.get_metric_history(result["run"], "loss")) == 12
