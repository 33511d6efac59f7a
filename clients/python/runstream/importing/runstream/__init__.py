"""What another Runstream has: a server, or a folder that `runstream export` wrote.

Runs come as they were, to the last bit, so they get no tags of an import. `tables.py` is the form
of the folder, which docs/export.md explains, and `table_file.py` reads one of its files.
"""
