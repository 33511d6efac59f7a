"""One batch of 2,000 metrics, which is twice what MLflow takes.

A batch has no limit of count: the client splits what is long. `log` is for a batch that is all or
nothing and on disk when it returns; `log_batch` queues, and takes any number of points.

    python examples/tracking/batch_of_2000.py
"""

import time

import runstream
from runstream import Metric

now = time.time_ns() // 1_000_000
points = [Metric(f"feature/{i}", i / 2000, now, 0) for i in range(2000)]
params = {f"param/{i}": i for i in range(200)}

experiment = runstream.set_experiment("batch of 2000")
with runstream.TrackingClient() as client:
    run_id = client.create_run(experiment.experiment_id).info.run_id
    client.log(run_id, points, params)
    client.log_batch(run_id, [Metric("long", i, now + i, i) for i in range(100_000)])
    client.set_terminated(run_id)

    stored = client.get_run(run_id)
    print(len(stored.data.metrics), "metrics and", len(stored.data.params), "params")
    print(len(client.get_metric_history(run_id, "long")), "points of one of them")
