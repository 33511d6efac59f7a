"""Makes experiments, tokens and grants on a Runstream server."""

from __future__ import annotations

from benchmarks.workers.job import main
from runstream import TrackingClient


def create_experiments(uri: str, count: int) -> list[str]:
    """Create experiments; return their ids."""
    with TrackingClient(uri) as client:
        return [client.create_experiment(f"experiment {number}") for number in range(count)]


def create_token(uri: str, user_name: str, role: str) -> str:
    """Make a token; return it."""
    with TrackingClient(uri) as client:
        return client.create_token(user_name, role).secret


def grant(uri: str, experiment_id: str, grantee: str, role: str) -> None:
    """Grant a role on an experiment."""
    with TrackingClient(uri) as client:
        client.set_grant(experiment_id, grantee, role)


if __name__ == "__main__":
    main({job.__name__: job for job in (create_experiments, create_token, grant)})
