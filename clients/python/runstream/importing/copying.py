"""What copies of runs and models have in common: what fails is noted, and the rest is copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from runstream.errors import RunstreamError
from runstream.files.folder_transfer import PARALLEL_TRANSFERS
from runstream.importing.destination import Destination
from runstream.importing.local_artifacts import walk_artifact_files
from runstream.importing.report import Report
from runstream.importing.source import ArtifactFiles
from runstream.rules import check_key, check_text

T = TypeVar("T")

#: Errors that malformed data of a source can cause.
SOURCE_ERRORS = (
    RunstreamError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    OverflowError,
)


class Copying:
    """The copy of one run or model.

    Attributes:
        client: where it goes.
        report: what was done up to now, of all copies.
        problems: how much of this one could not be copied.
    """

    def __init__(self, client: Destination, report: Report) -> None:
        self.client = client
        self.report = report
        self.problems = 0

    def note(self, what: str, why: str) -> None:
        """Record something that could not be copied."""
        self.problems += 1
        self.report.note(what, why)

    def attempt(self, what: str, copy: Callable[[], object]) -> bool:
        """Copy something; if that fails, note it and return False."""
        try:
            copy()
        except SOURCE_ERRORS as error:
            self.note(what, str(error) or type(error).__name__)
            return False
        return True

    def read(self, what: str, read: Callable[[], T | None]) -> T | None:
        """Return what is read of a source; None if that fails, which is noted."""
        try:
            return read()
        except SOURCE_ERRORS as error:
            self.note(what, str(error) or type(error).__name__)
            return None

    def read_parts(self, what: str, parts: Iterator[T]) -> Iterator[T]:
        """Yield what is read of a source, until that fails, which is noted."""
        while (part := self.read(what, lambda: next(parts, None))) is not None:
            yield part

    def valid_pairs(self, what: str, pairs: Mapping[str, str]) -> dict[str, str]:
        """Return those of the pairs that may be stored, and note the others."""
        valid = {}
        for key, value in pairs.items():
            try:
                check_key("key", key)
                check_text("value", value)
                valid[key] = value
            except RunstreamError as error:
                self.note(f"{what} {key!a}", str(error))
        return valid

    def upload(self, owner: str, files: ArtifactFiles) -> None:
        """Copy the artifacts of a run or a model."""

        def upload(file: tuple[str, Path]) -> tuple[Path, str]:
            path, local = file
            folder, _, _ = path.rpartition("/")
            try:
                self.client.log_artifact(owner, local, folder or None)
            except (RunstreamError, OSError) as error:
                return local, str(error)
            return local, ""

        with ThreadPoolExecutor(PARALLEL_TRANSFERS, thread_name_prefix="runstream-import") as pool:
            for local, why in pool.map(upload, walk_artifact_files(files, self.note)):
                if why:
                    self.note(f"file {local} of {owner}", why)
                else:
                    self.report.count(artifacts=1)
