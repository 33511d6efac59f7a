"""Delivers folders of a spool to a server, whoever wrote them.

sync.py              all folders of a spool, or one; what `runstream.sync` calls
adoption.py          in the background, what other processes left
folder_delivery.py   one folder, and its end
folder_lease.py      the right to move its cursors, and up to where it is delivered
delivery_context.py  what its parts share
batch_delivery.py    its batches
folder_tasks.py      its tasks
missing_starts.py    runs of it whose start lies in another folder
folder_state.py      whether its writer lives, and what of it is left
named_folders.py     which folder somebody means by a path or a name
own_folders.py       which folders are delivered without being asked for
task_frames.py       its tasks, which may be damaged
set_aside.py         what is kept for people
batch_stream.py      one LogBatch stream that sends from the files
delivery_errors.py   to try again, to set aside, or to give up
refused_requeue.py   what was refused, once more
results.py           what was delivered
inspection.py        what is in a folder, for people
"""
