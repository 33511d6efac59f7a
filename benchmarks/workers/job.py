"""How a worker process is told what to do, and how it answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


def main(jobs: dict[str, Callable[..., Any]]) -> None:
    """Run the job of the command line, `URI NAME ARGUMENTS` with arguments as a JSON object.

    The result is the last line on stdout, as JSON.
    """
    uri, name, arguments = sys.argv[1:]
    print(json.dumps(jobs[name](uri, **json.loads(arguments))))
