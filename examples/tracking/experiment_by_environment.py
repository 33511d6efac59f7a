"""Let the environment choose the experiment, and leave the program as it is.

    RUNSTREAM_EXPERIMENT_NAME="nightly" python examples/tracking/experiment_by_environment.py

RUNSTREAM_EXPERIMENT_ID counts more than the name. MLFLOW_EXPERIMENT_ID and MLFLOW_EXPERIMENT_NAME
do the same when neither is set. Without any of them runs are in the experiment "Default".
"""

import runstream

with runstream.start_run() as run:
    runstream.log_metric("rows", 1000)

experiment = runstream.get_experiment(run.info.experiment_id)
print(f"run {run.info.run_id} is in {experiment.name!r}")
