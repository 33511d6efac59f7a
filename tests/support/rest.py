"""Plain requests to the REST API of a server."""

from __future__ import annotations

from typing import Any

import requests

#: What the JSON of an error has (X2).
ERROR_FIELDS = {"error_code", "message", "reason", "metadata", "request_id"}


class Rest:
    """Plain requests to the REST API; paths are below `/api/2.0/mlflow/`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.session = requests.Session()

    def get(self, path: str, **query: Any) -> Any:
        """Return what a GET answers with status 200."""
        answer = self.session.get(f"{self.uri}/api/2.0/mlflow/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, **fields: Any) -> Any:
        """Return what a POST of these fields answers with status 200."""
        answer = self.session.post(
            f"{self.uri}/api/2.0/mlflow/{path}", json=fields if body is None else body
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, method: str, path: str, **arguments: Any) -> tuple[int, str, str]:
        """Return status, code and message of a request that is refused."""
        answer = self.session.request(method, f"{self.uri}/api/2.0/mlflow/{path}", **arguments)
        error = answer.json()
        assert set(error) == ERROR_FIELDS
        return answer.status_code, error["error_code"], error["message"]

    def create_run(self, experiment_id: str = "0", **fields: Any) -> str:
        """Create a run, in `Default` if no experiment is named; return its id."""
        run = self.post("runs/create", experiment_id=experiment_id, **fields)["run"]
        return str(run["info"]["run_id"])
