"""The files of a run, in one folder of links as its artifacts here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from runstream.errors import RunstreamError
from runstream.importing.series_folder import SeriesFolder
from runstream.importing.source import ArtifactFiles, Note
from runstream.importing.wandb.media import OTHER_VALUES_FILE, RunMedia
from runstream.importing.wandb.run_facts import LoggedArtifact, RunFacts

_ADVICE = "if it is yours, name a folder around it by --local-artifacts"


class RunFiles:
    """A temporary folder for the artifacts of a run, until `close`.

    Attributes:
        media: where media of the history are put.
    """

    def __init__(
        self,
        run_id: str,
        logs: Sequence[Path],
        facts: RunFacts,
        allowed: Path | None,
        note: Note,
    ) -> None:
        """Find the files of a run, which are in `files` beside its logs.

        Args:
            run_id: the run.
            logs: its `.wandb` files.
            facts: what they say of it.
            allowed: a folder whose files may be copied, too: those of artifacts that the run
                logged, and files that it saved, to which W&B makes links.
            note: is told of files that cannot be copied.
        """
        self._run_id = run_id
        self._facts = facts
        self._allowed = allowed
        self._note = note
        self._folder = SeriesFolder(run_id, OTHER_VALUES_FILE)
        self._files: dict[str, Path] = {}
        for log in logs:
            self._files.update(self._walk(log.parent / "files"))
        self.media = RunMedia(run_id, self._folder, self._files, note)

    def collect(self) -> ArtifactFiles:
        """Add all that no series of media has, and return the folder."""
        for path, file in self._files.items():
            # `output.log` is what the program wrote, whose lines are copied.
            if path not in self.media.copied and not (
                path == "output.log" and self._facts.has_output
            ):
                self._add(path, file, f"file {path!a} of run {self._run_id}")
        for artifact in self._facts.artifacts:
            self._add_artifact(artifact)
        return self._folder.files()

    def close(self) -> None:
        """Remove the folder."""
        self._folder.close()

    def _add_artifact(self, artifact: LoggedArtifact) -> None:
        """Add the files of an artifact as `artifacts/NAME/...`: it names any of the machine."""
        what = f"artifact {artifact.name!a} of run {self._run_id}"
        if artifact.is_partial:
            self._note(what, "some of it is elsewhere: references, or a manifest in another file")
        outside = []
        for path, local in artifact.files:
            if self._is_allowed(Path(local)):
                place = f"artifacts/{artifact.name}/{path}"
                self._add(place, Path(local), f"{path!a} of {what}")
            else:
                outside.append(local)
        if outside:
            self._note(what, f"{len(outside)} files are elsewhere, as {outside[0]}; {_ADVICE}")

    def _walk(self, folder: Path) -> Iterator[tuple[str, Path]]:
        """Yield the files below a folder by their paths in it."""
        for parent, folders, names in os.walk(folder):
            for name in sorted(folders):
                if Path(parent, name).is_symlink():
                    self._note(str(Path(parent, name)), "it is a link to a folder")
            for name in sorted(names):
                file = Path(parent, name)
                inside = file.resolve().is_relative_to(folder.parent.resolve())
                if inside or self._is_allowed(file):
                    yield file.relative_to(folder).as_posix(), file
                else:
                    self._note(str(file), f"it is a link to {file.resolve()}; {_ADVICE}")

    def _is_allowed(self, file: Path) -> bool:
        allowed = self._allowed
        return allowed is not None and file.resolve().is_relative_to(allowed.resolve())

    def _add(self, path: str, file: Path, what: str) -> None:
        try:
            if not file.is_file():
                self._note(what, f"there is no file {file}")
                return
            self._folder.link(path, file)
        except (RunstreamError, OSError) as error:
            self._note(what, str(error))
