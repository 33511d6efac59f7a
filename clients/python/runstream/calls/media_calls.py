"""The calls of a client about sound, histograms, and series of files over steps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from runstream.calls.artifact_content_calls import ArtifactContentCalls
from runstream.entities.series_file import SeriesFile
from runstream.errors import InvalidArgument
from runstream.files.artifact_paths import ArtifactPath
from runstream.files.series_paths import SERIES_FOLDERS, file_or_series_path, parse_series_path


class MediaCalls(ArtifactContentCalls):
    """The part of `TrackingClient` that logs sound and histograms, and lists series."""

    def log_audio(
        self,
        run_id: str,
        audio: Any,
        artifact_file: ArtifactPath | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        *,
        sample_rate: int | None = None,
    ) -> None:
        """Upload a sound, as a file of its own or as one of a series.

        Args:
            run_id: the run.
            audio: the path of a file, which is uploaded as it is; or an array or a tensor (with
                NumPy) of shape (samples), (samples, channels) or (channels, samples), of numbers of
                -1 to 1 or of integers of 8 (without a sign), 16 or 32 bits, which becomes WAV.
                Numbers beyond -1 to 1 are scaled to it, with a warning.
            artifact_file: the file; or
            key: name of the series, whose files are `audio/KEY+step+...`.
            step: training step of a sound of a series; 0, if left out.
            timestamp: milliseconds since the epoch; now, if left out.
            sample_rate: samples a second of an array.

        Raises:
            InvalidArgument: not exactly one of artifact_file and key is given, the sound is of
                another kind, or a path breaks its rule.
        """
        from runstream.files.media_serialization import serialize_audio

        is_file = isinstance(audio, (str, os.PathLike))
        suffix = Path(audio).suffix if is_file else ".wav"
        path = file_or_series_path("audio", suffix, artifact_file, key, step, timestamp)
        if is_file:
            self._upload_files({path: Path(audio)}, run_id)
        else:
            self._upload_bytes(run_id, serialize_audio(audio, sample_rate), path)

    def log_histogram(
        self,
        run_id: str,
        values: Any,
        artifact_file: ArtifactPath | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        *,
        bins: Any = 64,
    ) -> None:
        """Upload how values are distributed, as a file of its own or as one of a series.

        The file is JSON: `edges`, one more than `counts`, and `not_finite`, how many values are NaN
        or infinite.

        Args:
            run_id: the run.
            values: an array, a tensor or a list of numbers, of any shape (with NumPy).
            artifact_file: the file; or
            key: name of the series, whose files are `histograms/KEY+step+...json`.
            step: training step of a histogram of a series; 0, if left out.
            timestamp: milliseconds since the epoch; now, if left out.
            bins: how many bins of equal width there are, up to 10,000, or their edges.

        Raises:
            InvalidArgument: not exactly one of artifact_file and key is given, the values are no
                numbers, or a path breaks its rule.
        """
        from runstream.files.media_serialization import serialize_histogram

        path = file_or_series_path("histograms", ".json", artifact_file, key, step, timestamp)
        self._upload_bytes(run_id, serialize_histogram(values, bins), path)

    def list_series(self, run_id: str, folder: str, key: str | None = None) -> list[SeriesFile]:
        """List the files of series by key, step and timestamp.

        Args:
            run_id: the run.
            folder: `images`, `figures`, `audio`, `tables` or `histograms`.
            key: the series; all of the folder, if left out.

        Raises:
            InvalidArgument: there is no such folder.
            NotFound: there is no such run.
        """
        if folder not in SERIES_FOLDERS:
            raise InvalidArgument(
                f"Invalid value {folder!r} for parameter 'folder' supplied: "
                f"it must be one of {', '.join(SERIES_FOLDERS)}",
                reason="FOLDER_UNKNOWN",
                field="folder",
                value=folder,
                limit=", ".join(SERIES_FOLDERS),
            )
        found = map(parse_series_path, (file.path for file in self.list_artifacts(run_id, folder)))
        return sorted(file for file in found if file is not None and key in (None, file.key))
