"""A parent run with a child run for each setting, and how to find the children.

A child is a run like any other, with the tag `mlflow.parentRunId`.

    python examples/tracking/child_runs.py
"""

import runstream

experiment = runstream.set_experiment("child runs")
with runstream.start_run(run_name="search") as parent:
    runstream.log_param("settings", 3)
    for depth in (2, 4, 8):
        with runstream.start_run(run_name=f"depth {depth}", nested=True):
            runstream.log_param("depth", depth)
            runstream.log_metric("accuracy", 1 - 1 / depth)

with runstream.TrackingClient() as client:
    children = list(
        client.search_runs(
            [experiment.experiment_id],
            f"tags.mlflow.parentRunId = '{parent.info.run_id}'",
            order_by=["metrics.accuracy DESC"],
        )
    )
for child in children:
    print(child.info.run_name, child.data.metrics["accuracy"])
best = runstream.get_parent_run(children[0].info.run_id)
print("their parent:", best.info.run_name if best else None)
