"""Several runs one after the other in one program, and the best of them.

python examples/tracking/several_runs.py
"""

import runstream

experiment = runstream.set_experiment("several runs")
for learning_rate in (0.5, 0.1, 0.01):
    # The run ends with the block: FINISHED, or FAILED after an exception.
    with runstream.start_run(run_name=f"learning rate {learning_rate}"):
        runstream.log_param("learning_rate", learning_rate)
        weight = 1.0
        for step in range(20):
            weight -= learning_rate * 2 * weight  # the slope of weight²
            runstream.log_metric("loss", weight**2, step=step)

with runstream.TrackingClient() as client:
    runs = list(client.search_runs([experiment.experiment_id], order_by=["metrics.loss ASC"]))
for run in runs[:3]:
    print(f"{run.info.run_name:18} loss {run.data.metrics['loss']:.6f}")
