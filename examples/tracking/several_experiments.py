"""Runs in several experiments from one program.

python examples/tracking/several_experiments.py
"""

import runstream

# By turns: what `set_experiment` chooses holds for the runs that are started after it.
for city in ("Oslo", "Quito"):
    runstream.set_experiment(f"weather of {city}")
    with runstream.start_run(run_name="forecast"):
        runstream.log_metric("degrees", {"Oslo": 4.0, "Quito": 15.0}[city])

# At the same time: with a client each call names its run, so no run has to be the active one.
with runstream.TrackingClient() as client:
    runs = {}
    for city in ("Oslo", "Quito"):
        experiment = client.get_experiment_by_name(f"weather of {city}")
        assert experiment is not None
        runs[city] = client.create_run(experiment.experiment_id, run_name="measurement")
    for hour in range(24):
        client.log_metric(runs["Oslo"].info.run_id, "degrees", 4 + hour / 12, step=hour)
        client.log_metric(runs["Quito"].info.run_id, "degrees", 15 - hour / 12, step=hour)
    for run in runs.values():
        client.set_terminated(run.info.run_id)

    for city, run in runs.items():
        newest = list(client.search_runs([run.info.experiment_id], max_results=2))
        print(city, {each.info.run_name: each.data.metrics["degrees"] for each in newest})
