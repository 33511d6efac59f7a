"""A run in each of several processes that are made by fork.

A forked process begins as a copy of its parent. The client lets go of its connection before a fork
and takes it up again after, in both, so nothing has to be done here. The parent's run stays its
own: the child starts one of its own, or logs to the parent's run, but does not end that.

    python examples/tracking/processes_fork.py
"""

import multiprocessing

import runstream


def work(number: int) -> None:
    # A forked process has the parent's active run, so a child run is a nested one.
    with runstream.start_run(run_name=f"part {number}", nested=True):
        runstream.log_param("number", number)
        for step in range(1000):
            runstream.log_metric("done", (step + 1) / 1000, step=step)


def main() -> None:
    experiment = runstream.set_experiment("processes by fork")
    context = multiprocessing.get_context("fork")
    with runstream.start_run(run_name="parent") as parent:
        workers = [context.Process(target=work, args=(number,)) for number in range(3)]
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
