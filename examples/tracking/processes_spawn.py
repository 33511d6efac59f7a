"""A run in each of several processes that are made by spawn.

A spawned process begins empty. It logs to the same place and the same experiment all the same,
because both are kept in the environment, which it inherits; who its parent run is, it is told.

    python examples/tracking/processes_spawn.py
"""

import multiprocessing

import runstream


def work(parent_run_id: str, number: int) -> None:
    with runstream.start_run(run_name=f"part {number}", parent_run_id=parent_run_id):
        runstream.log_param("number", number)
        for step in range(1000):
            runstream.log_metric("done", (step + 1) / 1000, step=step)


def main() -> None:
    experiment = runstream.set_experiment("processes by spawn")
    context = multiprocessing.get_context("spawn")
    with runstream.start_run(run_name="parent") as parent:
        workers = [
            context.Process(target=work, args=(parent.info.run_id, number)) for number in range(3)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        runstream.log_metric("failed", sum(worker.exitcode != 0 for worker in workers))

    with runstream.TrackingClient() as client:
        mine = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
        children = client.search_runs([experiment.experiment_id], mine, order_by=["run_name ASC"])
        for run in children:
            points = client.get_metric_history(run.info.run_id, "done")
            print(run.info.run_name, run.info.status, len(points), "points")


if __name__ == "__main__":
    main()
