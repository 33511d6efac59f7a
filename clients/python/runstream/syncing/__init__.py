"""Delivers folders of a spool to a server, whoever wrote them.

sync.py             all folders of a spool, or one; what `runstream.sync` calls
adoption.py         in the background, what other processes left
folder_delivery.py  one folder: its locks, its batches, its tasks, its end
batch_stream.py     one LogBatch stream that sends from the files
refused_log.py      what the server refused
results.py          what was delivered
"""
