"""Log a metric at steps of one's own, in any order.

A step is any 64-bit integer. Steps may be left out, come late or be negative; the history is in
the order of the steps, and the latest value is that of the greatest step.

    python examples/tracking/steps_out_of_order.py
"""

import runstream

runstream.set_experiment("steps out of order")
with runstream.start_run() as run:
    for step, value in [(1, 0.5), (5, 0.25), (75, 0.125), (-20, 4.0)]:
        runstream.log_metric("error", value, step=step)

with runstream.TrackingClient() as client:
    for point in client.get_metric_history(run.info.run_id, "error"):
        print(f"step {point.step:3}: {point.value}")
print("latest:", runstream.get_run(run.info.run_id).data.metrics["error"])
