"""Exports of whole experiments: to a folder (`folder.py`, with a `table_writer.py` for each table),
and to a server of MLflow (`mlflow.py`).

What is exported is read by a source of `runstream.importing`, as imports read theirs.
"""
