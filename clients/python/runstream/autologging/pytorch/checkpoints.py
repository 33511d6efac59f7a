"""Where the checkpoints of a run are among its artifacts: as they are stored and found again."""

from __future__ import annotations

from posixpath import basename

from runstream.errors import InvalidArgument, NotFound
from runstream.fluent.active_runs import active_run_id
from runstream.fluent.run_clients import client_for_run

#: Tag of a run: the path of the checkpoint that was stored last.
LATEST_CHECKPOINT = "mlflow.latest_checkpoint_artifact"

#: Where the best checkpoint is, if that alone is stored.
FOLDER = "checkpoints"


def epoch_folder(epoch: int) -> str:
    """Return where the checkpoint after an epoch is."""
    return f"{FOLDER}/epoch_{epoch}"


def step_folder(global_step: int) -> str:
    """Return where the checkpoint after a step is."""
    return f"{FOLDER}/global_step_{global_step}"


def download_checkpoint(
    run_id: str | None, epoch: int | None, global_step: int | None, target: str
) -> str:
    """Download a checkpoint and return its path; for the arguments see `load_checkpoint`."""
    if epoch is not None and global_step is not None:
        raise InvalidArgument(
            f"epoch={epoch} and global_step={global_step} are given, of which a checkpoint has one",
            reason="CHECKPOINT_AMBIGUOUS",
            field="global_step",
            value=global_step,
        )
    run_id = run_id or active_run_id()
    client = client_for_run(run_id)
    latest = client.get_run(run_id).data.tags.get(LATEST_CHECKPOINT)
    if latest is None:
        raise NotFound(
            f"run {run_id} has no checkpoint of autologging",
            reason="CHECKPOINT_NOT_FOUND",
            field="run_id",
            value=run_id,
        )
    path = latest
    if epoch is not None:
        path = f"{epoch_folder(epoch)}/{basename(latest)}"
    elif global_step is not None:
        path = f"{step_folder(global_step)}/{basename(latest)}"
    return client.download_artifacts(run_id, path, target)
