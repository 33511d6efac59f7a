"""Copying what MLflow has: from a server, a database or a folder.

`records.py` says what a source tells, `server.py`, `database.py` and `folder.py` are the sources,
and `copying.py` copies from any of them. Sources are not trusted: `origin.py` keeps to the server
that the user named, and `local.py` to the folder (docs/decisions/0031).
"""
