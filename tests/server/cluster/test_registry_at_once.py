"""The model registry where several servers write to it at once (Q1, Q2)."""

from __future__ import annotations

import grpc

from runstream.v1 import model_registry_service_pb2 as pb
from support.api import Api
from support.artifacts import upload
from support.registry import register


def test_versions_that_are_created_at_several_servers_at_once_count_up(apis: list[Api]) -> None:
    run_id = apis[0].create_run()
    upload(apis[0], run_id, "model/MLmodel", b"x")
    name = register(apis[0], "counted")
    request = pb.CreateModelVersionRequest(name=name, source=f"runs:/{run_id}/model")
    creations = [
        api.registry.CreateModelVersion.future(request, timeout=60)
        for api in apis
        for _ in range(10)
    ]
    numbers = sorted(int(creation.result().model_version.version) for creation in creations)
    assert numbers == list(range(1, len(creations) + 1))


def test_a_name_is_given_once_whoever_asks(apis: list[Api]) -> None:
    request = pb.CreateRegisteredModelRequest(name="once")
    creations = [
        api.registry.CreateRegisteredModel.future(request, timeout=60)
        for api in apis
        for _ in range(5)
    ]
    codes = [creation.code() for creation in creations]
    assert codes.count(grpc.StatusCode.OK) == 1
    assert codes.count(grpc.StatusCode.ALREADY_EXISTS) == len(creations) - 1
