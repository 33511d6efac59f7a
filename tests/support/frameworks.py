"""Programs that train, run with frameworks which have environments of their own.

`make` makes these environments from `tests/integrations/requirements`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.ports import reserve_port
from support.server_process import ENVIRONMENT, ServerProcess

_ROOT = Path(__file__).parents[2]

#: Programs beside those of docs/integrations.md.
PROGRAMS = _ROOT / "tests/integrations/programs"

_DOCUMENT = _ROOT / "docs/integrations.md"
#: Seconds that a program may take. On a busy machine, importing torch alone takes half a minute.
SECONDS = 500

#: Variables that keep frameworks from the internet, and from the network of this machine.
_OFFLINE = {
    # Otherwise Gloo takes the interface of the host's name, which need not resolve.
    "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
    "HF_HUB_OFFLINE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "YOLO_OFFLINE": "1",
}


def documented_program(section: str, language: str = "python") -> str:
    """Return the block of a section of docs/integrations.md that is in a language."""
    found = re.search(
        rf"^## {re.escape(section)}\n(?:(?!## ).*\n)*?```{language}\n((?:.*\n)*?)```$",
        _DOCUMENT.read_text(),
        re.M,
    )
    assert found is not None, f"{_DOCUMENT} has no program in the section {section!r}"
    return found[1]


class Frameworks:
    """Runs programs in a folder, which log to a server."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def run(self, environment: str, program: str, *arguments: str, **variables: str) -> str:
        """Run a program in one of the environments.

        Args:
            environment: its name.
            program: the program.
            arguments: its arguments.
            variables: more environment variables.

        Returns:
            What it printed; its stderr is not read unless it fails, because frameworks warn a lot.
        """
        return self._run(environment, self._write(program), *arguments, **variables)

    def run_together(self, environment: str, program: str, processes: int) -> None:
        """Run a program in several processes that train together, by torch.distributed.

        They meet at 127.0.0.1, and need no name or address of the host.
        """
        path = self._write(program)
        variables = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(reserve_port()),
            "WORLD_SIZE": str(processes),
            "LOCAL_WORLD_SIZE": str(processes),
            "OMP_NUM_THREADS": "1",
        }
        with ThreadPoolExecutor(processes) as threads:
            ended = [
                threads.submit(
                    self._run, environment, path, **variables, RANK=rank, LOCAL_RANK=rank
                )
                for rank in map(str, range(processes))
            ]
        for one in ended:
            one.result()

    def _write(self, program: str) -> str:
        path = self.folder / "program.py"
        path.write_text(program)
        return str(path)

    def _run(self, environment: str, *arguments: str, **variables: str) -> str:
        done = subprocess.run(
            [_ROOT / ".venv-frameworks" / environment / "bin/python", *arguments],
            cwd=self.folder,
            env=ENVIRONMENT
            | _OFFLINE
            | {
                "HOME": str(self.folder),  # for the settings and caches of frameworks
                "PYTHONPATH": str(_ROOT / "clients/python"),
                "RUNSTREAM_TRACKING_URI": self.server.uri,
            }
            | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
