"""Several real servers on one PostgreSQL, with one folder of artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runstream import TrackingClient
from support.server_process import ServerProcess


class Cluster:
    """Running servers of one database; one is ended by `kill` and comes back by `restart`.

    Attributes:
        servers: the processes, each with an address of its own.
        url: of the database.
        artifact_root: the folder that they share.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        size: int = 3,
        environment: dict[str, str] | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        """Start the servers, all at once, and wait until they accept calls.

        Args:
            folder: gets the artifacts; it is the working folder of the servers.
            url: the database.
            size: how many servers.
            environment: more variables of their environment.
            program: what Python runs in place of `-m runstream`, in front of its arguments.
        """
        self.url = url
        self.artifact_root = folder / "artifacts"
        environment = {"RUNSTREAM_ARTIFACT_ROOT": str(self.artifact_root), **(environment or {})}
        self.servers = [
            ServerProcess(folder / "runs.db", environment, program, wait=False, url=url)
            for _ in range(size)
        ]
        try:
            for server in self.servers:
                server.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def uri(self) -> str:
        """Tracking URI of all servers together."""
        return "grpc://" + ",".join(server.address for server in self.servers)

    def clients(self) -> list[TrackingClient]:
        """Return a client of each server; the caller closes them."""
        return [TrackingClient(server.uri) for server in self.servers]

    def stop(self) -> list[str]:
        """End those that run as an administrator does; return what each wrote to stderr."""
        running = [server for server in self.servers if server.process.poll() is None]
        return [server.stop() for server in running]
