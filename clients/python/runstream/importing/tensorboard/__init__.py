"""Imports of the event files that TensorBoard shows.

`source.py` is the source, `watch.py` follows a folder that grows. A run is a folder
(`run_reader.py`) of event files (`records.py`, `crc32c.py`, `messages.py`); events of a number are
recognized by their bytes (`scalar_shapes.py`), the others are parsed (`values.py`, `tensors.py`,
`run_facts.py`). `points.py` and `media.py` hold what was read until it is copied.
"""
