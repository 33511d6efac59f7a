"""Resume a run by its id: go on with a metric, and add a file to its artifacts.

The second part could be another program, on another day: all it needs is the id.

    python examples/tracking/resume_a_run.py
"""

import tempfile
from pathlib import Path

import runstream

runstream.set_experiment("resume a run")
with runstream.start_run(run_name="in two parts") as run:
    runstream.log_param("seed", 7)
    for step in range(3):
        runstream.log_metric("loss", 1 / (step + 1), step=step)
run_id = run.info.run_id
print("first part: ", runstream.get_run(run_id).info.status)

with runstream.start_run(run_id=run_id), tempfile.TemporaryDirectory() as folder:
    print("resumed:    ", runstream.get_run(run_id).info.status)
    runstream.log_metric("loss", 0.2, step=3)
    report = Path(folder) / "report.txt"
    report.write_text("The loss is 0.2 after 4 steps.\n")
    runstream.log_artifact(report, "reports")

stored = runstream.get_run(run_id)
print("second part:", stored.info.status, stored.data.metrics, stored.data.params)
with runstream.TrackingClient() as client:
    print("steps:      ", [point.step for point in client.get_metric_history(run_id, "loss")])
    print("report:     ", client.load_text(run_id, "reports/report.txt").strip())
