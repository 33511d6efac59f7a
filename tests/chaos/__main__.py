"""`make chaos`: many rounds of the kill matrix.

make chaos ROUNDS=1000
make chaos ROUNDS=1 SEED=4711    # one that has failed
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from functools import partial
from random import randrange

from benchmarks.jvm import jvm_command

from chaos.matrix import Matrix


def main() -> int:
    """Run the rounds that the arguments ask for; return the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=randrange(10**6))
    arguments = parser.parse_args()
    has_java = shutil.which("javac") and shutil.which("mvn")
    java = partial(jvm_command, "Trainer") if has_java else None
    matrix = Matrix(lambda text: print(text, flush=True), java)  # noqa: T201 - for who waits
    jobs = min(2 * (os.cpu_count() or 1), arguments.rounds)  # most of a round waits
    matrix.run(arguments.rounds, arguments.seed, jobs)
    print(matrix.summary())  # noqa: T201
    return 1 if matrix.failures else 0


if __name__ == "__main__":
    sys.exit(main())
