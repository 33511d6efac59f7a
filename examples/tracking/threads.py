"""Child runs in threads.

Each thread has an active run of its own, so the fluent functions need no lock. A new thread has no
active run, and therefore it names its parent.

    python examples/tracking/threads.py
"""

from concurrent.futures import ThreadPoolExecutor

import runstream


def train(parent_run_id: str, seed: int) -> str:
    with runstream.start_run(run_name=f"seed {seed}", parent_run_id=parent_run_id) as run:
        runstream.log_param("seed", seed)
        for step in range(1000):
            runstream.log_metric("value", seed * 1000 + step, step=step)
    return run.info.run_id


experiment = runstream.set_experiment("threads")
with runstream.start_run(run_name="parent") as parent, ThreadPoolExecutor(4) as pool:
    for future in [pool.submit(train, parent.info.run_id, seed) for seed in range(8)]:
        future.result()  # raises what went wrong in the thread

with runstream.TrackingClient() as client:
    mine = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    children = list(client.search_runs([experiment.experiment_id], mine))
    points = [len(client.get_metric_history(run.info.run_id, "value")) for run in children]
print(len(children), "child runs of", sum(points), "points in all")
