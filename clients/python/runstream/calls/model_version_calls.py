"""The calls of a client about the versions of registered models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from runstream import entities
from runstream.calls.background_calls import BackgroundCalls
from runstream.calls.registered_model_calls import RegisteredModelCalls
from runstream.contract.messages import new_message
from runstream.contract.params_and_tags import Pairs, to_pairs
from runstream.contract.response_checks import check_next_page_token
from runstream.contract.text_lists import check_not_single_text
from runstream.errors import InvalidArgument, NotFound
from runstream.files.artifact_paths import STAGES, VersionUri, parse_artifact_uri
from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.model_version_pb2 import ModelVersionTag

# Versions of a page.
_PAGE_SIZE = 1_000


class ModelVersionCalls(RegisteredModelCalls, BackgroundCalls):
    """The part of `TrackingClient` about versions of registered models.

    A version is known by the name of its registered model and its number.
    """

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Pairs | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int = 300,  # noqa: ARG002 - an argument of MLflow's
        model_id: str | None = None,
    ) -> entities.ModelVersion:
        """Create a version of a registered model, and return it.

        Args:
            name: the registered model, which has to be there; `register_model` creates it.
            source: where its files are: `runs:/RUN_ID/PATH`, `models:/MODEL_ID`, `models:/NAME/3`,
                `models:/NAME@ALIAS`, or a path below the artifact URI of a run or a logged model.
            run_id: the run that made it; that of the source, if left out.
            tags: tags to set.
            run_link: a link to the run.
            description: text for people.
            await_creation_for: changes nothing, since versions are ready at once; MLflow has it.
            model_id: the logged model that has the files; that of the source, if left out.

        Raises:
            InvalidArgument: an argument breaks its rule; the source names no files of this server.
            NotFound: there is no such registered model, or no files at the source.
            PermissionDenied: the caller may not write where the files are.
            FailedPrecondition: the run or the experiment is deleted.
        """
        self._wait_for_source(source)
        request = new_message(
            pb.CreateModelVersionRequest,
            name=name,
            source=source,
            run_id=run_id or "",
            tags=[
                new_message(ModelVersionTag, key=key, value=str(value))
                for key, value in to_pairs("tags", tags or ())
            ],
            run_link=run_link or "",
            description=description or "",
            model_id=model_id or "",
        )
        answer = self._connection.call(lambda stubs: stubs.registry.CreateModelVersion, request)
        return entities.ModelVersion.from_proto(answer.model_version)

    def get_model_version(self, name: str, version: str | int) -> entities.ModelVersion:
        """Return a version, with what was logged of its logged model. Raises NotFound."""
        request = new_message(pb.GetModelVersionRequest, name=name, version=str(version))
        answer = self._connection.call(lambda stubs: stubs.registry.GetModelVersion, request)
        return entities.ModelVersion.from_proto(answer.model_version)

    def get_model_version_by_alias(self, name: str, alias: str) -> entities.ModelVersion:
        """Return the version to which an alias leads, as `get_model_version`. Raises NotFound."""
        request = new_message(pb.GetModelVersionByAliasRequest, name=name, alias=alias)
        answer = self._connection.call(lambda stubs: stubs.registry.GetModelVersionByAlias, request)
        return entities.ModelVersion.from_proto(answer.model_version)

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[entities.ModelVersion]:
        """Return of each stage the version with the highest number, by number.

        Args:
            name: the registered model.
            stages: the stages; all, if left out.

        Raises:
            InvalidArgument: there is no such stage.
            NotFound: there is no such registered model.
        """
        check_not_single_text("stages", stages)
        request = new_message(pb.GetLatestVersionsRequest, name=name, stages=stages or ())
        answer = self._connection.call(lambda stubs: stubs.registry.GetLatestVersions, request)
        return list(map(entities.ModelVersion.from_proto, answer.model_versions))

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Return the URI of the files of a version. Raises NotFound."""
        request = new_message(pb.GetModelVersionDownloadUriRequest, name=name, version=str(version))
        return self._connection.call(
            lambda stubs: stubs.registry.GetModelVersionDownloadUri, request
        ).artifact_uri

    def get_model_version_stages(
        self,
        name: str,  # noqa: ARG002 - an argument of MLflow's
        version: str | int,  # noqa: ARG002 - an argument of MLflow's
    ) -> list[str]:
        """Return the stages that a version can be in, which are the same for all."""
        return list(STAGES)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
    ) -> Iterator[entities.ModelVersion]:
        """Yield the versions that a filter is true of, asking for page after page.

        Args:
            filter_string: such as `name = 'forest' and current_stage = 'Production'`; see
                SearchModelVersions in the contract.
            max_results: the most to yield; all, if left out.
            order_by: such as `["version_number DESC"]`; those that changed last come first, if left
                out.

        Raises:
            InvalidArgument: filter or order is malformed; raised by the first `next`.
        """
        check_not_single_text("order_by", order_by)
        request = new_message(
            pb.SearchModelVersionsRequest,
            filter=filter_string or "",
            max_results=_PAGE_SIZE,
            order_by=order_by or (),
        )
        return islice(self._read_version_pages(request), max_results)

    def update_model_version(
        self, name: str, version: str | int, description: str | None = None
    ) -> entities.ModelVersion:
        """Replace the description of a version, and return it; none, if left out.

        Raises:
            InvalidArgument, NotFound: see UpdateModelVersion in the contract.
        """
        request = new_message(
            pb.UpdateModelVersionRequest,
            name=name,
            version=str(version),
            description=description or "",
        )
        answer = self._connection.call(lambda stubs: stubs.registry.UpdateModelVersion, request)
        return entities.ModelVersion.from_proto(answer.model_version)

    def transition_model_version_stage(
        self, name: str, version: str | int, stage: str, archive_existing_versions: bool = False
    ) -> entities.ModelVersion:
        """Move a version to a stage, and return it.

        Args:
            name: the registered model.
            version: its number.
            stage: `None`, `Staging`, `Production` or `Archived`.
            archive_existing_versions: whether other versions of the stage are archived, which is
                for Staging and Production alone.

        Raises:
            InvalidArgument: there is no such stage.
            NotFound: there is no such version.
        """
        request = new_message(
            pb.TransitionModelVersionStageRequest,
            name=name,
            version=str(version),
            stage=stage,
            archive_existing_versions=archive_existing_versions,
        )
        answer = self._connection.call(
            lambda stubs: stubs.registry.TransitionModelVersionStage, request
        )
        return entities.ModelVersion.from_proto(answer.model_version)

    def delete_model_version(self, name: str, version: str | int) -> None:
        """Delete a version and its aliases for good; its files stay. Raises NotFound."""
        request = new_message(pb.DeleteModelVersionRequest, name=name, version=str(version))
        self._connection.call(lambda stubs: stubs.registry.DeleteModelVersion, request)

    def set_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        value: object = None,
        stage: str | None = None,
    ) -> None:
        """Set a tag of a version.

        Args:
            name: the registered model.
            version: the number of the version; or
            stage: a stage, of which the version with the highest number is taken.
            key: the key.
            value: the value, of which `str` is stored.

        Raises:
            InvalidArgument: version and stage are both given or both left out; key or value breaks
                its rule.
            NotFound: there is no such version.
        """
        request = new_message(
            pb.SetModelVersionTagRequest,
            name=name,
            version=self._version_number(name, version, stage),
            key=key or "",
            value=str(value),
        )
        self._connection.call(lambda stubs: stubs.registry.SetModelVersionTag, request)

    def delete_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        stage: str | None = None,
    ) -> None:
        """Delete a tag of a version; one that is not there is no error.

        The version is named as for `set_model_version_tag`, and the errors are the same.
        """
        request = new_message(
            pb.DeleteModelVersionTagRequest,
            name=name,
            version=self._version_number(name, version, stage),
            key=key or "",
        )
        self._connection.call(lambda stubs: stubs.registry.DeleteModelVersionTag, request)

    def find_model_version(self, uri: VersionUri) -> entities.ModelVersion:
        """Return the version that a URI names. Raises NotFound."""
        if uri.alias:
            return self.get_model_version_by_alias(uri.name, uri.alias)
        if uri.version:
            return self.get_model_version(uri.name, uri.version)
        found = self.get_latest_versions(uri.name, [uri.stage] if uri.stage else None)
        if not found:
            in_stage = f" in stage {uri.stage}" if uri.stage else ""
            raise NotFound(
                f"registered model {uri.name!r} has no versions{in_stage}",
                reason="MODEL_VERSION_NOT_FOUND",
                field="stage" if uri.stage else "name",
                value=uri.stage or uri.name,
            )
        return max(found, key=lambda version: int(version.version))

    def _version_number(self, name: str, version: str | int | None, stage: str | None) -> str:
        if (version is None) == (stage is None):
            raise InvalidArgument(
                "a version is named either by version or by stage",
                reason="ARGUMENTS_CONFLICT",
                field="version",
            )
        if stage is None:
            return str(version)
        return self.find_model_version(VersionUri(name, stage=stage)).version

    def _wait_for_source(self, source: str) -> None:
        """Wait until the files of a source, and what was logged of them, are on the server."""
        located = parse_artifact_uri(source, "source")
        if located is not None and not isinstance(located, VersionUri):
            self._wait_for_earlier(located[0])

    def _read_version_pages(
        self, request: pb.SearchModelVersionsRequest
    ) -> Iterator[entities.ModelVersion]:
        while True:
            page = self._connection.call(lambda stubs: stubs.registry.SearchModelVersions, request)
            yield from map(entities.ModelVersion.from_proto, page.model_versions)
            request.page_token = check_next_page_token(
                request, page.next_page_token, len(page.model_versions)
            )
            if not request.page_token:
                return
