"""`certificates.py FOLDER NAME...` writes certificates for names, their keys, and the authority."""

from __future__ import annotations

import sys
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
        server = authority.issue_cert(name)
        server.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        key = load_pem_private_key(server.private_key_pem.bytes(), None)
        # The form that Java reads.
        pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key").write_bytes(pkcs8)
