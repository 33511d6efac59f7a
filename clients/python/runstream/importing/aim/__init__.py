"""Imports of a repository of Aim, a folder `.aim`: SQLite and RocksDB, which `aimrocks` reads.

`encoding.py` decodes keys and values, `chunk.py` reads the part of RocksDB that a run has,
`run_table.py` what SQLite has of runs, `points.py` makes points and `media.py` files of series, and
`source.py` is the source. Aim itself is not needed, and nothing of the repository is changed.
"""
