"""Transfer of folders: their files, moved several at a time, with a progress bar."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import click

from runstream.errors import InvalidArgument

#: Files that are transferred at the same time.
PARALLEL_TRANSFERS = 4

# A single file of fewer bytes has no progress bar.
_MIN_SHOWN_BYTES = 16 * 1024 * 1024

Item = TypeVar("Item")


def walk_files(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder; links are followed.

    Raises:
        InvalidArgument: a link leads to a folder that contains it.
        OSError: it is no folder, or cannot be read.
    """
    yield from _walk_files(folder, frozenset())


def make_temporary_folder() -> Path:
    """Return a temporary folder, which is the caller's to remove."""
    return Path(tempfile.mkdtemp(prefix="runstream-"))


def transfer_all(
    sizes: Mapping[Item, int], move: Callable[[Item, Callable[[int], object]], object], what: str
) -> None:
    """Move files, several at a time, and show the progress on a terminal.

    A single small file has no progress bar: a program may upload many, one after the other.

    Args:
        sizes: the files, and the bytes of each.
        move: moves one file, calling its second argument with the bytes that it moved.
        what: `upload` or `download`, for people.

    Raises:
        The first error of `move`, once the transfers that had begun have ended.
    """
    with _show_progress(sizes.values(), what) as progress:
        if len(sizes) == 1:
            for item in sizes:
                move(item, progress)
            return
        with ThreadPoolExecutor(
            PARALLEL_TRANSFERS, thread_name_prefix=f"runstream-{what}"
        ) as threads:
            moves = [threads.submit(move, item, progress) for item in sizes]
            try:
                for under_way in moves:
                    under_way.result()
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise


def _walk_files(folder: Path, parents: frozenset[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in parents:
        raise InvalidArgument(
            f"the link {folder} leads to a folder that it lies in",
            reason="FOLDER_CIRCULAR",
            field="local_dir",
            value=folder,
        )
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            yield from _walk_files(entry, parents | {real})
        else:
            yield entry


@contextmanager
def _show_progress(sizes: Collection[int], what: str) -> Iterator[Callable[[int], object]]:
    total = sum(sizes)
    shown = len(sizes) > 1 or total > _MIN_SHOWN_BYTES
    if not shown or sys.stderr is None or not sys.stderr.isatty():
        yield lambda _: None
        return
    lock = Lock()

    def update(moved: int) -> None:
        with lock:
            bar.update(moved)

    text = f"{what} of {len(sizes)} files" if len(sizes) > 1 else what
    with _new_bar(total, text) as bar:
        yield update


def _new_bar(total: int, text: str) -> Any:
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return click.progressbar(length=total, label=text, file=sys.stderr)
    return tqdm(total=total, desc=text, unit="B", unit_scale=True)
