"""Folders of artifacts: which files they have, and moving several of them at a time."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from runstream.errors import InvalidArgument

#: Files that are moved at the same time.
AT_ONCE = 4

Item = TypeVar("Item")


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder; links are followed.

    Raises:
        InvalidArgument: a link leads to a folder that it lies in.
        OSError: it is no folder, or cannot be read.
    """
    yield from _files_below(folder, frozenset())


def new_folder() -> Path:
    """Return a temporary folder, which is the caller's to remove."""
    return Path(tempfile.mkdtemp(prefix="runstream-"))


def transfer_all(
    sizes: Mapping[Item, int], move: Callable[[Item, Callable[[int], object]], object], what: str
) -> None:
    """Move files, several at a time, and show the progress of more than one on a terminal.

    Args:
        sizes: the files, and the bytes of each.
        move: moves one file, calling its second argument with the bytes that it moved.
        what: `upload` or `download`, for people.

    Raises:
        The first error of `move`, once those that were under way have ended.
    """
    if len(sizes) < 2:
        for item in sizes:
            move(item, lambda _: None)
        return
    with (
        _progress(sum(sizes.values()), f"{what} of {len(sizes)} files") as progress,
        ThreadPoolExecutor(AT_ONCE, thread_name_prefix=f"runstream-{what}") as threads,
    ):
        moves = [threads.submit(move, item, progress) for item in sizes]
        try:
            for under_way in moves:
                under_way.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _files_below(folder: Path, parents: frozenset[str]) -> Iterator[Path]:
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
            yield from _files_below(entry, parents | {real})
        else:
            yield entry


@contextmanager
def _progress(total: int, text: str) -> Iterator[Callable[[int], object]]:
    bar: Any = None
    if sys.stderr is not None and sys.stderr.isatty():
        try:
            from tqdm import tqdm
        except ModuleNotFoundError:
            pass
        else:
            bar = tqdm(total=total, desc=text, unit="B", unit_scale=True, leave=False)
    if bar is None:
        yield lambda _: None
        return
    lock = Lock()

    def update(moved: int) -> None:
        with lock:
            bar.update(moved)

    with bar:
        yield update
