"""The calls of a client that register models, and find the files of their versions."""

from __future__ import annotations

from contextlib import suppress

from runstream import entities
from runstream.calls.artifact_calls import ArtifactCalls
from runstream.calls.model_version_calls import ModelVersionCalls
from runstream.contract.params_and_tags import Pairs
from runstream.errors import AlreadyExists
from runstream.files.artifact_paths import (
    VersionUri,
    join_path,
    model_uri_error,
    parse_artifact_uri,
)


class ModelRegistrationCalls(ModelVersionCalls, ArtifactCalls):
    """The part of `TrackingClient` between the model registry and the files of runs and models."""

    def register_model(
        self, model_uri: str, name: str, tags: Pairs | None = None
    ) -> entities.ModelVersion:
        """Create a version of a registered model, which is created if it is not there.

        Args:
            model_uri: a source, as of `create_model_version`; `runs:/RUN_ID/NAME` may name a model
                of the run, too, of which the newest is taken.
            name: the registered model.
            tags: tags of the version.

        Raises:
            As `create_registered_model` and `create_model_version`.
        """
        source = self._find_source(model_uri)
        with suppress(AlreadyExists):
            self.create_registered_model(name)
        return self.create_model_version(name, source, tags=tags)

    def copy_model_version(self, src_model_uri: str, dst_name: str) -> entities.ModelVersion:
        """Create a version with the files of another, of a registered model made if need be.

        Args:
            src_model_uri: `models:/NAME/3`, `models:/NAME@ALIAS`, `models:/NAME/STAGE` or
                `models:/NAME/latest`.
            dst_name: the registered model of the new version.

        Raises:
            InvalidArgument: the URI is of another form.
            NotFound: there is no such version.
        """
        located = parse_artifact_uri(src_model_uri, "src_model_uri")
        if not isinstance(located, VersionUri) or located.path:
            raise model_uri_error("src_model_uri", src_model_uri)
        version = self.find_model_version(located)
        return self.register_model(f"models:/{version.name}/{version.version}", dst_name)

    def find_version_files(self, uri: VersionUri) -> tuple[str, str]:
        """Return the logged model or run that has the files of a version, and where they are there.

        Raises:
            NotFound: there is no such version.
        """
        version = self.find_model_version(uri)
        return version.model_id or version.run_id, join_path(version.artifact_path, uri.path)

    def _find_source(self, model_uri: str) -> str:
        """Return what the server knows as the files of a URI, which may be a model by its name."""
        located = parse_artifact_uri(model_uri, "model_uri")
        if isinstance(located, VersionUri) or located is None:
            return model_uri
        owner, path = located
        if not model_uri.startswith("runs:") or not path or self.list_own_artifacts(owner, path):
            return model_uri
        found = self.find_model_path(owner, path)
        if found is None or found.path:
            return model_uri
        return f"models:/{found.model_id}"
