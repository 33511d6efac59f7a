"""`certificates.py FOLDER` writes a certificate for localhost, its key, and its authority."""

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
    server = authority.issue_cert("localhost")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    key = load_pem_private_key(server.private_key_pem.bytes(), None)
    # The form that Java reads.
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.key").write_bytes(pkcs8)
    authority.cert_pem.write_to_path(folder / "client.pem")
