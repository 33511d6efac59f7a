"""Keeps gRPC's own lines off stderr, which say in its words what our errors say.

gRPC reads its variables when it is imported, so this module is imported before it. A value that
the environment has stays: `GRPC_VERBOSITY=INFO` brings the lines back. Processes that the program
starts inherit the default.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
