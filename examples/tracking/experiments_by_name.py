"""Choose the experiment of a run by its name.

An experiment that is not there is created. It can also be created beforehand, with tags, by a
program or by `runstream experiments create --experiment-name NAME`.

    python examples/tracking/experiments_by_name.py
"""

import runstream

experiment = runstream.get_experiment_by_name("fraud detection by name")
if experiment is None:
    runstream.create_experiment("fraud detection by name", tags={"team": "payments"})

runstream.set_experiment("fraud detection by name")
with runstream.start_run() as run:
    runstream.log_metric("recall", 0.91)

experiment = runstream.get_experiment(run.info.experiment_id)
print(f"the run is in {experiment.name!r} of team {experiment.tags['team']}")
