"""The model registry by MLflow's own code, of 2.15 or 3."""

import json

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression

client = MlflowClient()
is_newest = mlflow.__version__.startswith("3")
x = np.arange(10.0).reshape(-1, 1)
model = LinearRegression().fit(x, 2 * x[:, 0])
# MLflow needs a minute to find the packages out itself.
stored = {"pip_requirements": ["scikit-learn"], "registered_model_name": "taxi"}


def refused(code, call, *args, **kwargs):
    """Check that a call raises the MLflow exception with this code."""
    try:
        call(*args, **kwargs)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
    else:
        raise AssertionError(f"{call} was not refused")


with mlflow.start_run() as run:
    mlflow.sklearn.log_model(model, "model", **stored)
run_id = run.info.run_id
second = mlflow.register_model(f"runs:/{run_id}/model", "taxi", tags={"from": "the run"})
assert (str(second.version), second.run_id, second.status) == ("2", run_id, "READY")
assert second.tags == {"from": "the run"}
if is_newest:
    assert client.get_model_version("taxi", "1").model_id

client.set_registered_model_alias("taxi", "champion", "1")
client.transition_model_version_stage("taxi", "2", "Production")
for uri in ("taxi/1", "taxi/2", "taxi@champion", "taxi/Production", "taxi/latest"):
    loaded = mlflow.sklearn.load_model(f"models:/{uri}")
    assert np.allclose(loaded.predict(x), 2 * x[:, 0]), uri
assert mlflow.artifacts.load_text("models:/taxi/2/MLmodel")
[latest] = client.get_latest_versions("taxi", ["Production"])
assert str(latest.version) == "2"
copied = client.copy_model_version("models:/taxi@champion", "copy")
assert (copied.name, str(copied.version)) == ("copy", "1")

client.update_registered_model("taxi", "what a ride costs")
client.update_model_version("taxi", "1", "the first")
client.set_registered_model_tag("taxi", "team", "rides")
client.set_model_version_tag("taxi", "1", "checked", "yes")
client.delete_model_version_tag("taxi", "2", "from")
registered = client.get_registered_model("taxi")
assert (registered.description, registered.tags) == ("what a ride costs", {"team": "rides"})
assert {key: str(number) for key, number in registered.aliases.items()} == {"champion": "1"}
version = client.get_model_version_by_alias("taxi", "champion")
assert (version.description, version.tags) == ("the first", {"checked": "yes"})
assert client.get_model_version("taxi", "2").tags == {}
client.delete_registered_model_tag("taxi", "team")
client.delete_registered_model_alias("taxi", "champion")
client.rename_registered_model("copy", "copied")

page = client.search_registered_models(max_results=1)
rest = client.search_registered_models(max_results=1, page_token=page.token)
assert [one.name for one in (*page, *rest)] == ["copied", "taxi"]
found = client.search_model_versions("name = 'taxi'", order_by=["version_number ASC"])
assert [str(one.version) for one in found] == ["1", "2"]
assert len(mlflow.search_model_versions(filter_string=f"run_id = '{run_id}'")) == 3

refused("RESOURCE_ALREADY_EXISTS", client.create_registered_model, "taxi")
refused("RESOURCE_DOES_NOT_EXIST", client.get_registered_model, "nothing")
refused("INVALID_PARAMETER_VALUE", client.get_model_version_by_alias, "taxi", "champion")
refused("INVALID_PARAMETER_VALUE", client.create_model_version, "taxi", "file:///etc/passwd")

client.delete_model_version("taxi", "1")
client.delete_registered_model("copied")
if is_newest:
    refused("NOT_IMPLEMENTED", mlflow.genai.register_prompt, name="p", template="{{x}}")
print(json.dumps({"run_id": run_id}))
