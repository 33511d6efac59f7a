"""Imports of what Trackio stores on this machine: a folder with a database for each project.

`project.py` reads a database, `rows.py` makes points of its rows, `media.py` makes files of series
of its media, and `source.py` is the source.
"""
