"""A program that logs to W&B offline: the same calls that a program with an account makes.

Its argument says which run: `whole`, `resumed`, `killed` or `failed`.
"""

import os
import sys
import time

import numpy as np
import wandb


def log_whole(run: wandb.Run) -> None:
    run.define_metric("epoch")
    run.define_metric("val/*", step_metric="epoch")
    run.define_metric("share")
    run.define_metric("by_share", step_metric="share")
    run.define_metric("acc", summary="max")
    for step in range(50):
        row = {"loss": 1 / (step + 1), "acc": step % 7, "nested": {"a": step, "b": {"c": -step}}}
        run.log(row | {"nan": float("nan"), "inf": float("-inf"), "flag": step == 0})
        print("row", step)
    print("bar 1%\rbar 100%", file=sys.stderr)
    for epoch in range(3):
        run.log({"epoch": epoch, "val/loss": epoch / 2, "share": epoch / 3, "by_share": epoch})
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    run.log({"one": wandb.Image(image, caption="black"), "many": [wandb.Image(image + 9)] * 2})
    run.log({"hist": wandb.Histogram(np.arange(100)), "page/html": wandb.Html("<b>bold</b>")})
    run.log({"table": wandb.Table(columns=["x", "y"], data=[[1, "a"], [2, None]])})
    run.log({"text": "größer", "list": [1, "two"]}, step=1000)
    run.summary["best"] = 5
    run.summary["loss"] = 0.001
    run.summary["note"] = {"deep": "said"}
    with open("saved.txt", "w") as file:
        file.write("saved")
    run.save("saved.txt")
    artifact = wandb.Artifact("weights", "model")
    artifact.add_file("saved.txt", "deep/saved.txt")
    run.log_artifact(artifact)
    run.alert("title", "text")
    run.config.update({"late": "x" * 300})


def main() -> None:
    kind = sys.argv[1]
    if kind == "whole":
        config = {"lr": 0.1, "optimizer": {"name": "adam", "betas": [0.9, 0.99]}, "none": None}
        with wandb.init(
            project="digits",
            entity="team",
            name="first",
            notes="some notes",
            tags=["baseline", "small"],
            group="groups",
            job_type="train",
            config=config,
        ) as run:
            log_whole(run)
        return
    run = wandb.init(project="digits", id="again" if kind == "resumed" else kind, resume="allow")
    for step in range(5):
        run.log({"loss": step}, step=step + int(os.environ.get("FIRST_STEP", "0")))
    if kind == "killed":
        print("logged", flush=True)
        time.sleep(600)
    if kind == "failed":
        raise ValueError("out of memory")
    run.finish()


main()
