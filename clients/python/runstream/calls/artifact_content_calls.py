"""The calls of a client that upload texts, dictionaries, figures and images, and read them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from runstream.calls.artifact_calls import ArtifactCalls
from runstream.errors import NotFound
from runstream.files.artifact_paths import ArtifactPath, artifact_path_text, check_artifact_file
from runstream.files.series_paths import file_or_series_path
from runstream.outbox.background_tasks import Content


class ArtifactContentCalls(ArtifactCalls):
    """The part of `TrackingClient` for texts, dictionaries, figures and images."""

    def log_text(self, run_id: str, text: str, artifact_file: ArtifactPath) -> None:
        """Upload a text as a file in UTF-8; raises as `log_artifact`."""
        from runstream.files.serialization import serialize_text

        path = check_artifact_file(artifact_file)
        self._upload_bytes(run_id, serialize_text(text), path)

    def log_dict(
        self,
        run_id: str,
        dictionary: Mapping[str, Any] | Sequence[Any],
        artifact_file: ArtifactPath,
    ) -> None:
        """Upload a dictionary as JSON, or as YAML if the file is called so (with PyYAML).

        Arrays become lists; what neither format has becomes its text.
        """
        from runstream.files.serialization import serialize_dictionary

        path = check_artifact_file(artifact_file)
        self._upload_bytes(run_id, serialize_dictionary(dictionary, path), path)

    def log_stream(self, run_id: str, stream: BinaryIO, artifact_file: ArtifactPath) -> None:
        """Upload what is left of a binary file or stream; raises as `log_artifact`."""
        from shutil import copyfileobj
        from tempfile import NamedTemporaryFile

        from runstream.calls.file_transfer import upload_file
        from runstream.files.content_copy import copy_file

        path = check_artifact_file(artifact_file)
        with NamedTemporaryFile() as file:  # an upload that breaks off is read again
            copyfileobj(stream, file)
            file.flush()
            source = Path(file.name)
            kept = Content(path, source.stat().st_size, partial(copy_file, source))
            self._upload_or_keep(
                run_id,
                lambda: upload_file(
                    self._connection, run_id, path, source, patience=self._connect_seconds
                ),
                [kept],
            )

    def log_figure(
        self,
        run_id: str,
        figure: Any,
        artifact_file: ArtifactPath | None = None,
        *,
        save_kwargs: Mapping[str, Any] | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Upload a figure of Matplotlib, Plotly or Bokeh, as a file or as one of a series.

        Args:
            run_id: the run.
            figure: the figure.
            artifact_file: the file, whose suffix is the format: of Bokeh HTML. HTML shows without
                a network.
            save_kwargs: further arguments of the function of the library that writes it.
            key: in place of a file, name of the series, whose files are `figures/KEY+step+...`:
                PNG of Matplotlib, HTML of the others.
            step: training step of a figure of a series; 0, if left out.
            timestamp: milliseconds since the epoch; now, if left out.

        Raises:
            InvalidArgument: not exactly one of artifact_file and key is given, it is no figure, or
                a path breaks its rule.
        """
        from runstream.files.serialization import serialize_figure

        suffix = ".png" if hasattr(figure, "savefig") else ".html"
        path = file_or_series_path("figures", suffix, artifact_file, key, step, timestamp)
        self._upload_bytes(run_id, serialize_figure(figure, path, save_kwargs), path)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: ArtifactPath | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Upload an image, as a file of its own or as one of a series (with Pillow).

        A series gives the run the tag `mlflow.loggedImages`, by which MLflow's interface finds it.
        The smaller copy that MLflow stores beside each image of a series is not made.

        Args:
            run_id: the run.
            image: an image of Pillow, or an array of shape (height, width[, 1, 3 or 4]) of
                integers of 0 to 255, numbers of 0 to 1, or booleans. Numbers beyond 0 to 1 are
                scaled to it, with a warning.
            artifact_file: the file; or
            key: name of the series, whose files are `images/KEY+step+...png` as MLflow's.
            step: training step of an image of a series; 0, if left out.
            timestamp: milliseconds since the epoch; now, if left out.
            synchronous: as for `log_artifact`.

        Raises:
            InvalidArgument: not exactly one of artifact_file and key is given, the image is of
                another kind, or a path breaks its rule.
        """
        from runstream.files.serialization import serialize_image

        path = file_or_series_path("images", ".png", artifact_file, key, step, timestamp)
        self._upload_bytes(run_id, serialize_image(image, path), path, synchronous)
        if key is not None:
            self._outbox.buffer(run_id).set_tags({"mlflow.loggedImages": "True"})

    def load_text(self, run_id: str, path: ArtifactPath) -> str:
        """Return the content of a file in UTF-8; raises as `download_artifacts`."""
        return self._load_bytes(run_id, artifact_path_text(path)).decode()

    def load_dict(self, run_id: str, path: ArtifactPath) -> Any:
        """Return the content of a JSON file, or of a YAML file if it is called so."""
        from runstream.files.serialization import parse_dictionary

        text = artifact_path_text(path)
        return parse_dictionary(self._load_bytes(run_id, text), text)

    def _upload_bytes(
        self, run_id: str, content: bytes, path: str, synchronous: bool | None = None
    ) -> None:
        from tempfile import TemporaryFile

        from runstream.calls.file_transfer import Upload
        from runstream.files.content_copy import write_content

        def do() -> None:
            with TemporaryFile() as file:
                file.write(content)
                file.flush()
                Upload(run_id, path, file, patience=self._connect_seconds).run(self._connection)

        kept = Content(path, len(content), partial(write_content, content))
        self._upload_or_keep(run_id, do, [kept], synchronous)

    def _load_bytes(self, run_id: str, path: str) -> bytes:
        """Return the content of a file of a run, or else of one of its models."""
        try:
            return self._download_bytes(run_id, path)
        except NotFound as missing:
            model = self._find_model_of_missing(run_id, path, missing)
        return self._download_bytes(model.model_id, model.path)

    def _download_bytes(self, run_id: str, path: str) -> bytes:
        from tempfile import TemporaryDirectory

        from runstream.calls.file_transfer import download_file

        self._outbox.wait_for_artifacts(run_id)
        with TemporaryDirectory() as folder:
            file = Path(folder, "content")
            download_file(self._connection, run_id, path, file)
            return file.read_bytes()
