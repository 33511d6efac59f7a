"""`cd tests; python -m support.postgres_program` is a PostgreSQL until its stdin ends.

It prints the URL of an empty database, for tests that are not in Python.
"""

from __future__ import annotations

import sys

from support.postgres import Postgres

if __name__ == "__main__":
    postgres = Postgres()
    try:
        sys.stdout.write(f"{postgres.create_database()}\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        postgres.stop()
