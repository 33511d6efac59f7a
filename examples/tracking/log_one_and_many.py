"""Log params, metrics and tags, one at a time and many at once.

Like all programs in this folder, it logs to RUNSTREAM_TRACKING_URI or, if that is not set, to the
file runstream.db in the current directory; no server has to be started for that.

    python examples/tracking/log_one_and_many.py
"""

import runstream

runstream.set_experiment("log one and many")
with runstream.start_run(run_name="boiling water") as run:
    # One at a time.
    runstream.log_param("kettle", "steel")
    runstream.log_metric("temperature", 20.5)
    runstream.set_tag("kitchen", "small")

    # Many at once: a call for each kind.
    runstream.log_params({"litres": 1.5, "lid": True})
    runstream.log_metrics({"temperature": 100.0, "seconds": 240.0}, step=1)
    runstream.set_tags({"drink": "tea", "guests": 3})

stored = runstream.get_run(run.info.run_id)
print("params ", dict(sorted(stored.data.params.items())))
print("metrics", dict(sorted(stored.data.metrics.items())))
print("drink  ", stored.data.tags["drink"])
