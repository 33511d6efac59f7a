"""`certificates.py FOLDER NAME...` writes certificates for names, their keys, and the authority.

With `CN=ada` among the names there is one for a client of this name, too, in `ada.pem`. That of
`EXPIRED=localhost` was valid for the name until yesterday, and is in `expired.pem`.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "client.pem")
    for name in sys.argv[2:]:
        common_name = name.removeprefix("CN=") if name.startswith("CN=") else None
        file = common_name or name
        not_after = None
        if name.startswith("EXPIRED="):
            file, name = "expired", name.removeprefix("EXPIRED=")
            not_after = datetime.now() - timedelta(days=1)
        issued = authority.issue_cert(
            "client@example.org" if common_name else name,
            common_name=common_name,
            not_after=not_after,
        )
        issued.cert_chain_pems[0].write_to_path(folder / f"{file}.pem")
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        # The form that Java reads.
        pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{file}.key").write_bytes(pkcs8)
