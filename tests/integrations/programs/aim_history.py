"""What somebody has in Aim: a repository in this folder with two runs; or one of them goes on."""

import math
import sys

import numpy
import plotly.graph_objects as graphs
from aim import Audio, Distribution, Figure, Image, Run, Text

QUIET = {"system_tracking_interval": None, "log_system_params": False}


def log_run(number: int) -> None:
    run = Run(repo=".", experiment=sys.argv[1], capture_terminal_logs=False, **QUIET)
    run["hparams"] = {"lr": 0.1, "layers": [1, 2], "opt": {"name": "sgd"}}
    run.name, run.description = f"run {number}", "about"
    run.add_tag("good")
    run.archived = number == 1
    for step in range(50):
        run.track(1 / (step + 1), name="loss", step=step, context={"subset": "train"})
        run.track(2.0, name="loss", step=step, context={"subset": "val", "fold": 1})
        run.track(math.nan if step == 2 else step, name="acc", step=step, epoch=step // 10)
    image = Image(numpy.full((8, 8, 3), 100, numpy.uint8), caption="grey")
    run.track(image, name="seen", step=3, context={"subset": "train"})
    run.track([image, image], name="both", step=4)
    run.track(Text("größer"), name="words", step=1)
    run.track(Distribution(numpy.arange(100.0), bin_count=10), name="weights", step=2)
    run.track(Audio(numpy.zeros(800, numpy.int16), rate=8000), name="sound", step=2)
    run.track(Figure(graphs.Figure(graphs.Bar(y=[1, 2]))), name="bars", step=5)
    print(run.hash)
    run.close()


if len(sys.argv) > 2:
    goes_on = Run(sys.argv[2], repo=".", capture_terminal_logs=False, **QUIET)
    goes_on.track(0.001, name="loss", step=50, context={"subset": "train"})
    goes_on.close()
else:
    log_run(0)
    log_run(1)
