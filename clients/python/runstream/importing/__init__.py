"""Imports of what other trackers have: a package for each tracker.

`source.py` states what a source has to offer, and `importer.py` copies from any of them; a new
tracker is a new source, and writes nothing by itself. `report.py` counts what was copied and what
was not, `dry_run.py` stands in for the server where nothing is to be written, `run_ids.py` has the
ids of runs whose tracker has other ones, and `local_artifacts.py` reads only files of the folder
that the user named (docs/decisions/0031, docs/decisions/0068).
"""
