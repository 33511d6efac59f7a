"""Tags: those that the client sets, those that have a meaning, and one's own.

python examples/tracking/system_and_own_tags.py
"""

import runstream

runstream.set_experiment("tags")
with runstream.start_run(
    run_name="first name",
    description="Markdown for people: *why* this run was made.",
    tags={"release": "1.2", "priority": "P1"},
) as run:
    runstream.set_tag("reviewed", False)
    runstream.set_tag("reviewed", True)  # the last value stands
    runstream.delete_tag("priority")
    runstream.set_tag("mlflow.runName", "second name")  # renames the run

stored = runstream.get_run(run.info.run_id)
print("name:       ", stored.info.run_name)
print("description:", stored.data.tags["mlflow.note.content"])
for key, value in sorted(stored.data.tags.items()):
    if not key.startswith("mlflow."):
        print("own:        ", key, "=", value)
# Where it comes from, set by the client; a script in a Git repository has its commit, too.
for key in ("mlflow.source.name", "mlflow.source.type"):
    print("system:     ", key, "=", stored.data.tags[key])
