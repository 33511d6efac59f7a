"""What the server refused, until a call raises it."""

from __future__ import annotations

import gc
import shutil
import weakref
from pathlib import Path

import pytest

from runstream.errors import NotFound
from runstream.outbox.batch_files import BatchFiles
from runstream.outbox.disk_queue import DiskQueue
from runstream.outbox.outbox import Outbox
from runstream.outbox.refusals import Refusals
from runstream.spool.folder import list_folders
from runstream.spool.refused_log import read_refusals
from support.outboxes import RUN


def test_of_refusals_that_nobody_raises_ten_are_kept_and_the_others_counted() -> None:
    refusals = Refusals()
    errors: weakref.WeakSet[NotFound] = weakref.WeakSet()
    for number in range(20_000):
        error = NotFound(f"no run for batch {number}", reason="RUN_NOT_FOUND")
        errors.add(error)
        refusals.add(RUN, error)
    del error
    gc.collect()
    assert len(errors) == 10  # the first ones
    refusals.add(RUN, NotFound("of another reason", reason="OTHER"))
    assert refusals.has(RUN, "OTHER")
    refusals.add("b" * 32, NotFound("another"))
    with pytest.raises(NotFound, match=r"no run for batch 0 \(and 20000 more refused batches"):
        refusals.raise_for(RUN)
    refusals.raise_for(RUN)
    assert refusals.run_ids() == {"b" * 32}


def test_what_is_refused_once_somebody_has_removed_the_folder_is_kept_in_another(
    tmp_path: Path,
) -> None:
    files = BatchFiles("grpc://away", 1024**3, find_spool=lambda: tmp_path)
    outbox = Outbox(lambda: True, new_queue=lambda: DiskQueue(files))
    outbox.buffer(RUN).log_metric("loss", 0.5, 1, 1)
    outbox.dispatch.collect()
    outbox.dispatch.collect_all()
    (removed,) = list_folders(tmp_path)
    shutil.rmtree(removed.path)
    error = NotFound("it is gone", reason="RUN_NOT_FOUND")
    assert outbox.kept_refusals.keep(RUN, error, b"batch")
    (folder,) = list_folders(tmp_path)
    assert outbox.kept_refusals.folder == folder.path != removed.path
    assert [each.batch for each in read_refusals(folder.refused)] == [b"batch"]
    outbox.batches.save()
    assert not outbox.unsaved()
