"""What MLflow has: a server, a database or a folder.

Sources are not trusted: `api.py` sends requests only to the server that the user named, and the
sources read only files of the folder that the user named (docs/decisions/0031).
"""
