"""The model registry by MLflow's client, of 2.0 or 3: all that it has for registered models."""

import json

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

IS_NEW = int(mlflow.__version__.split(".")[0]) > 2
HAS_ALIASES = hasattr(MlflowClient, "set_registered_model_alias")
x = np.arange(40.0).reshape(20, 2)
y = x @ [2.0, 3.0] + 1
stored = {"pip_requirements": ["numpy"]}  # MLflow needs a minute to find them out itself
client = MlflowClient()
name = "taxi fares"


class Plane(mlflow.pyfunc.PythonModel):
    """A model that needs no library."""

    def predict(self, context, model_input, params=None):
        return np.asarray(model_input) @ [2.0, 3.0] + 1


def error_of(call, *args, **options):
    """Return the code and the text of the error that a call raises."""
    try:
        call(*args, **options)
    except MlflowException as error:
        return [error.error_code, str(error)]
    raise AssertionError(f"{call} did not fail")


with mlflow.start_run() as run:
    mlflow.pyfunc.log_model("model", python_model=Plane(), registered_model_name=name, **stored)
registered = mlflow.register_model(f"runs:/{run.info.run_id}/model", name)
assert (registered.name, registered.version) == (name, registered.version)
assert str(registered.version) == "2"
assert registered.run_id == run.info.run_id
assert registered.status == "READY"

for uri in (f"models:/{name}/1", f"models:/{name}/2", f"models:/{name}/latest"):
    assert np.allclose(mlflow.pyfunc.load_model(uri).predict(x), y), uri

client.update_registered_model(name, "what a ride costs")
client.update_model_version(name, "1", "the first")
client.set_registered_model_tag(name, "team", "rides")
client.set_model_version_tag(name, "1", "validated", "yes")
model = client.get_registered_model(name)
assert (model.description, model.tags) == ("what a ride costs", {"team": "rides"})
version = client.get_model_version(name, "1")
assert (version.description, version.tags) == ("the first", {"validated": "yes"})
client.delete_registered_model_tag(name, "team")
client.delete_model_version_tag(name, "1", "validated")
assert client.get_registered_model(name).tags == {}

client.transition_model_version_stage(name, "1", "Production")
client.transition_model_version_stage(name, "2", "production", archive_existing_versions=True)
stages = [client.get_model_version(name, number).current_stage for number in ("1", "2")]
assert stages == ["Archived", "Production"]
[latest] = client.get_latest_versions(name, ["Production"])
assert str(latest.version) == "2"
assert np.allclose(mlflow.pyfunc.load_model(f"models:/{name}/Production").predict(x), y)

if HAS_ALIASES:
    client.set_registered_model_alias(name, "champion", "1")
    assert str(client.get_model_version_by_alias(name, "champion").version) == "1"
    aliases = client.get_registered_model(name).aliases
    assert {alias: str(number) for alias, number in aliases.items()} == {"champion": "1"}
    assert np.allclose(mlflow.pyfunc.load_model(f"models:/{name}@champion").predict(x), y)
    copied = client.copy_model_version(f"models:/{name}@champion", "copy") if IS_NEW else None
    if copied is not None:
        assert str(copied.version) == "1"
        assert np.allclose(mlflow.pyfunc.load_model("models:/copy/1").predict(x), y)
        client.delete_registered_model("copy")
    client.delete_registered_model_alias(name, "champion")

found = [str(each.version) for each in client.search_model_versions(f"name='{name}'")]
assert sorted(found) == ["1", "2"]
of_run = client.search_model_versions(f"run_id='{run.info.run_id}'")
assert len(of_run) == 2
for number in range(3):
    client.create_registered_model(f"other {number}", tags={"n": str(number)})
names = [each.name for each in client.search_registered_models("name LIKE 'other %'")]
assert names == ["other 0", "other 1", "other 2"]
page = client.search_registered_models(max_results=2, order_by=["name DESC"])
rest = client.search_registered_models(max_results=2, order_by=["name DESC"], page_token=page.token)
assert [each.name for each in (*page, *rest)] == [name, "other 2", "other 1", "other 0"]

client.rename_registered_model("other 0", "renamed")
assert client.get_registered_model("renamed").name == "renamed"

created = client.create_registered_model
errors = {
    "exists": error_of(created, name),
    "missing": error_of(client.get_registered_model, "nothing"),
    "missing version": error_of(client.get_model_version, name, "9"),
    "no name": error_of(created, ""),
    "slash": error_of(created, "a/b"),
    "stage": error_of(client.transition_model_version_stage, name, "1", "Retired"),
    "source": error_of(client.create_model_version, name, "file:///etc/passwd"),
}
if HAS_ALIASES:
    errors["alias"] = error_of(client.set_registered_model_alias, name, "latest", "1")
    errors["no alias"] = error_of(client.get_model_version_by_alias, name, "nothing")

client.delete_model_version(name, "2")
assert [str(v.version) for v in client.search_model_versions(f"name='{name}'")] == ["1"]
client.delete_registered_model("renamed")
print(json.dumps({"errors": errors, "run_id": run.info.run_id}))
