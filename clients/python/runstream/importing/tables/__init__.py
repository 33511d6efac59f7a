"""Imports of tables: files of CSV and of Parquet, long and wide.

`table_files.py` reads files part by part, `mapping.py` finds what each column is, `cells.py` makes
numbers of cells, `run_points.py` keeps the points of each run in a file of its own, and `source.py`
is the source.
"""
