"""The routes that MLflow has and the contract has not: `server-info`, and what answers 501."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runstream_service.http import mlflow
from runstream_service.http.errors import NotImplementedHere

_ALL = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def mlflow_only_routes() -> Iterator[Route]:
    """Yield the routes that MLflow alone has: `server-info`, and those that answer 501."""
    for prefix in (mlflow.API_PREFIX, mlflow.AJAX_PREFIX):
        yield Route(prefix + "3.0/mlflow/server-info", _server_info)
        for part in mlflow.NO_DIRECT_STORAGE:
            path = f"{prefix}2.0/mlflow-artifacts/{part}/{{rest:path}}"
            yield Route(path, _no_direct_storage, methods=_ALL)
        for number in ("2.0", "3.0"):
            for way in ("upload", "download"):
                path = f"{prefix}{number}/mlflow/artifacts/presigned-{way}-url"
                yield Route(path, _no_direct_storage, methods=_ALL)
            for part in mlflow.NOT_IMPLEMENTED:
                for path in (f"{number}/mlflow/{part}", f"{number}/mlflow/{part}/{{rest:path}}"):
                    yield Route(prefix + path, _not_implemented, methods=_ALL)


async def _server_info(request: Request) -> Response:
    return JSONResponse({"store_type": "SqlStore", "workspaces_enabled": False})


async def _no_direct_storage(request: Request) -> Response:
    part = request.url.path.split("/mlflow-artifacts/", 1)[-1].split("/", 1)[0]
    text = mlflow.NO_DIRECT_STORAGE.get(part, mlflow.NO_DIRECT_STORAGE["presigned"])
    raise NotImplementedHere(text, field="path", value=request.url.path)


async def _not_implemented(request: Request) -> Response:
    part = request.url.path.split("/mlflow/", 1)[1].split("/", 1)[0]
    text = f"Runstream does not have {mlflow.NOT_IMPLEMENTED[part]}"
    raise NotImplementedHere(text, field="path", value=request.url.path)
