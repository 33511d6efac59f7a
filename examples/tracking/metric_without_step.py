"""Log a metric in a loop and leave the step out.

All points have step 0 then, and are told apart by their timestamps, which are made so that each is
later than the one before, however fast the loop is. So no point is lost, they stay in the order in
which they were logged, and the last one is the latest.

    python examples/tracking/metric_without_step.py
"""

import runstream

runstream.set_experiment("metric without step")
with runstream.start_run() as run:
    for count in range(500):
        runstream.log_metric("count", count)

with runstream.TrackingClient() as client:
    history = client.get_metric_history(run.info.run_id, "count")
print(len(history), "points, all at step", *{point.step for point in history})
print("in order:", [point.value for point in history] == list(range(500)))
print("latest:", runstream.get_run(run.info.run_id).data.metrics["count"])
