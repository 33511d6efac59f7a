"""Speed of Runstream beside that of its peers; docs/benchmarks.md says how each figure is measured.

`python -m benchmarks` runs all of them. `table.py` lists the figures with their targets; each
group has a module that measures it (`ingest.py`, `calls.py`, ...). The timed work itself runs in
processes of its own (`workers/`), each in the virtual environment of the system it drives.
"""
