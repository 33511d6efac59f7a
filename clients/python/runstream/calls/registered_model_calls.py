"""The calls of a client about registered models and their aliases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from runstream import entities
from runstream.contract.messages import new_message
from runstream.contract.params_and_tags import Pairs, to_pairs
from runstream.contract.response_checks import check_next_page_token
from runstream.contract.text_lists import check_not_single_text
from runstream.transport.connection import Connection
from runstream.v1 import model_registry_service_pb2 as pb
from runstream.v1.registered_model_pb2 import RegisteredModelTag

# Registered models of a page.
_PAGE_SIZE = 100


class RegisteredModelCalls:
    """The part of `TrackingClient` about the names of the model registry.

    Names and rules are those of MLflow; what the server answers is said at ModelRegistryService.
    """

    _connection: Connection

    def create_registered_model(
        self, name: str, tags: Pairs | None = None, description: str | None = None
    ) -> entities.RegisteredModel:
        """Create a registered model, without versions, and return it.

        Args:
            name: 1 to 256 characters without `/` and `:`, unique on the server.
            tags: tags to set.
            description: text for people.

        Raises:
            InvalidArgument: an argument breaks its rule.
            AlreadyExists: the name is taken.
        """
        request = new_message(
            pb.CreateRegisteredModelRequest,
            name=name,
            tags=[
                new_message(RegisteredModelTag, key=key, value=str(value))
                for key, value in to_pairs("tags", tags or ())
            ],
            description=description or "",
        )
        answer = self._connection.call(lambda stubs: stubs.registry.CreateRegisteredModel, request)
        return entities.RegisteredModel.from_proto(answer.registered_model)

    def get_registered_model(self, name: str) -> entities.RegisteredModel:
        """Return a registered model. Raises NotFound."""
        request = new_message(pb.GetRegisteredModelRequest, name=name)
        answer = self._connection.call(lambda stubs: stubs.registry.GetRegisteredModel, request)
        return entities.RegisteredModel.from_proto(answer.registered_model)

    def rename_registered_model(self, name: str, new_name: str) -> entities.RegisteredModel:
        """Give a registered model another name, and return it.

        Raises:
            InvalidArgument, NotFound, AlreadyExists: see RenameRegisteredModel in the contract.
        """
        request = new_message(pb.RenameRegisteredModelRequest, name=name, new_name=new_name)
        answer = self._connection.call(lambda stubs: stubs.registry.RenameRegisteredModel, request)
        return entities.RegisteredModel.from_proto(answer.registered_model)

    def update_registered_model(
        self, name: str, description: str | None = None
    ) -> entities.RegisteredModel:
        """Replace the description of a registered model, and return it; none, if left out.

        Raises:
            InvalidArgument, NotFound: see UpdateRegisteredModel in the contract.
        """
        request = new_message(
            pb.UpdateRegisteredModelRequest, name=name, description=description or ""
        )
        answer = self._connection.call(lambda stubs: stubs.registry.UpdateRegisteredModel, request)
        return entities.RegisteredModel.from_proto(answer.registered_model)

    def delete_registered_model(self, name: str) -> None:
        """Delete a registered model with all its versions for good; their files stay.

        Raises:
            NotFound: there is none of this name.
        """
        request = new_message(pb.DeleteRegisteredModelRequest, name=name)
        self._connection.call(lambda stubs: stubs.registry.DeleteRegisteredModel, request)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = None,
        order_by: Sequence[str] | None = None,
    ) -> Iterator[entities.RegisteredModel]:
        """Yield the registered models that a filter is true of, asking for page after page.

        Args:
            filter_string: such as `name LIKE 'fraud%' and tags.team = 'risk'`; see
                SearchRegisteredModels in the contract.
            max_results: the most to yield; all, if left out.
            order_by: such as `["last_updated_timestamp DESC"]`; by name, if left out.

        Raises:
            InvalidArgument: filter or order is malformed; raised by the first `next`.
        """
        check_not_single_text("order_by", order_by)
        request = new_message(
            pb.SearchRegisteredModelsRequest,
            filter=filter_string or "",
            max_results=_PAGE_SIZE,
            order_by=order_by or (),
        )
        return islice(self._read_registered_model_pages(request), max_results)

    def set_registered_model_tag(self, name: str, key: str, value: object) -> None:
        """Set a tag of a registered model.

        Raises:
            InvalidArgument, NotFound: see SetRegisteredModelTag in the contract.
        """
        request = new_message(pb.SetRegisteredModelTagRequest, name=name, key=key, value=str(value))
        self._connection.call(lambda stubs: stubs.registry.SetRegisteredModelTag, request)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag of a registered model; one that is not there is no error.

        Raises:
            NotFound: there is no such registered model.
        """
        request = new_message(pb.DeleteRegisteredModelTagRequest, name=name, key=key)
        self._connection.call(lambda stubs: stubs.registry.DeleteRegisteredModelTag, request)

    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        """Let an alias lead to a version, and no more to another one.

        Args:
            name: the registered model.
            alias: 1 to 255 letters, digits, `_` and `-`; not `latest`, and not `v` and a number.
            version: the number of the version.

        Raises:
            InvalidArgument: the alias breaks its rule.
            NotFound: there is no such registered model or version.
        """
        request = new_message(
            pb.SetRegisteredModelAliasRequest, name=name, alias=alias, version=str(version)
        )
        self._connection.call(lambda stubs: stubs.registry.SetRegisteredModelAlias, request)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Delete an alias; one that is not there is no error.

        Raises:
            NotFound: there is no such registered model.
        """
        request = new_message(pb.DeleteRegisteredModelAliasRequest, name=name, alias=alias)
        self._connection.call(lambda stubs: stubs.registry.DeleteRegisteredModelAlias, request)

    def _read_registered_model_pages(
        self, request: pb.SearchRegisteredModelsRequest
    ) -> Iterator[entities.RegisteredModel]:
        while True:
            page = self._connection.call(
                lambda stubs: stubs.registry.SearchRegisteredModels, request
            )
            yield from map(entities.RegisteredModel.from_proto, page.registered_models)
            request.page_token = check_next_page_token(
                request, page.next_page_token, len(page.registered_models)
            )
            if not request.page_token:
                return
