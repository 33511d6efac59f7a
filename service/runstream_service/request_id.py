"""The id by which a caller and the log of the server name the same request.

A request has one only once it is asked for, so that those without an error cost nothing.
"""

from __future__ import annotations

import re
from secrets import token_hex

#: The header of HTTP, and the key of gRPC's metadata, in which a caller may give an id.
HEADER = "x-request-id"

# What may stand in a header, a line of the log and a JSON text as it is.
_VALID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id(given: object) -> str:
    """Return the id that a caller gave, or a new one if it gave none, or none that is valid."""
    return given if isinstance(given, str) and _VALID.fullmatch(given) else token_hex(8)
