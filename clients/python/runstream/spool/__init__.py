"""The spool: what a program writes, in files of its own machine. docs/spool.md has their form.

    frames.py           one message in a file, and how it is found again behind damage
    open_file.py        descriptors, which a forked child closes
    file_locks.py       locks of whole files
    log_files.py        the numbered files of a log, and places in them
    log_writer.py       appends frames to the files of a folder
    log_reader.py       reads them in order, also while they are written
    cursor.py           what of them is answered
    refused_log.py      what a server refused
    folder.py           the folder of a process, with all of these
    contents.py         what such a folder has, and nothing else
    drafts.py           such folders that were being made or removed
    task_files.py       the tasks of a folder, and the contents that they need
    waiting_starts.py   starts of runs in all folders of a spool
    room.py             what of a disk may be used
    settings.py         where the spool is, and how large it may become

This room knows files and nothing of servers. It imports little, because every program that logs
imports it.
"""
