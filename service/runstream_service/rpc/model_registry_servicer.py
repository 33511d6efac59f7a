"""ModelRegistryService."""

from __future__ import annotations

from runstream.v1.model_registry_service_pb2_grpc import ModelRegistryServiceServicer
from runstream_service.engine.readers import Readers
from runstream_service.engine.writer import Writer


class ModelRegistryServicer(ModelRegistryServiceServicer):
    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
