"""Exports of whole experiments: to a folder (`folder.py`, with a `table_writer.py` for each table).

What is exported is read by a source of `runstream.importing`, as imports read theirs.
"""
