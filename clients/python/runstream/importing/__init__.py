"""Imports of what MLflow has: a server, a database or a folder.

`source.py` states what a source has to offer. `server_source.py`, `database_source.py` and
`folder_source.py` are the sources, and `importer.py` copies from any of them. Sources are not
trusted: `mlflow_api.py` sends requests only to the server that the user named, and
`local_artifacts.py` reads only files of the folder that the user named (docs/decisions/0031).
"""
