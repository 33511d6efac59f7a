"""Files of this machine that a source names: only those in the folder that the user allows."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from runstream.errors import FailedPrecondition, RunstreamError, Unavailable
from runstream.importing.source import ArtifactFiles, Note
from runstream.rules import check_artifact_path


def find_local_artifacts(uri: str, allowed: Path | None) -> ArtifactFiles | None:
    """Return the artifacts at a URI of this machine, None if there are none.

    Args:
        uri: what the source says.
        allowed: the folder in which they must be.

    Raises:
        Unavailable: they are on another machine.
        FailedPrecondition: they are outside of that folder; a source could name any file.
    """
    if "://" in uri.removeprefix("file://") or uri.startswith("mlflow-artifacts:"):
        raise Unavailable(f"the artifacts are at {uri}, which is not on this machine")
    if not uri or "\0" in uri:
        return None
    folder = _path(uri)
    if not folder.is_absolute() and allowed is not None:
        folder = allowed / folder
    if allowed is None or not folder.resolve().is_relative_to(allowed.resolve()):
        raise FailedPrecondition(
            f"the artifacts are at {uri}, a path of this machine: if it is yours, "
            "name it, or a folder around it, by --local-artifacts",
            reason="ARTIFACTS_LOCAL",
        )
    return ArtifactFiles(folder, allowed) if folder.is_dir() else None


def may_be_local(uri: str) -> bool:
    """Return whether a URI may name an existing folder of this machine."""
    path = _path(uri)
    return "\0" not in uri and bool(uri) and (path.is_dir() or ":" in str(path))


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)


def walk_artifact_files(files: ArtifactFiles, note: Note) -> Iterator[tuple[str, Path]]:
    """Yield the files below a folder by their paths among the artifacts.

    Links are followed, but not out of `files.root` nor into a folder that contains them. A file
    that is not regular, or has a name that artifacts cannot have, is noted and left out.
    """
    yield from _walk_artifact_files(files.folder, "", files.root.resolve(), frozenset(), note)


def _walk_artifact_files(
    folder: Path, prefix: str, root: Path, parents: frozenset[Path], note: Note
) -> Iterator[tuple[str, Path]]:
    real = folder.resolve()
    if real in parents:
        note(str(folder), "it is a link to a folder that contains it")
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        path, name = Path(entry.path), f"{prefix}{entry.name}"
        try:
            check_artifact_path("path", name)
            if not path.resolve().is_relative_to(root):
                note(str(path), f"it is a link that leads out of {root}")
            elif entry.is_dir():
                yield from _walk_artifact_files(path, f"{name}/", root, parents | {real}, note)
            elif stat.S_ISREG(entry.stat().st_mode):
                yield name, path
            else:
                note(str(path), "it is no regular file")
        except (RunstreamError, OSError, RuntimeError) as error:
            note(ascii(entry.path), str(error))
