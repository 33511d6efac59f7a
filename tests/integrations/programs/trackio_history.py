"""What somebody has in Trackio: a project with two runs; old versions have fewer kinds of media."""

import math

import numpy
import pandas
import trackio


def log_run(name: str, lr: float) -> None:
    trackio.init(project="wine", name=name, config={"lr": lr, "model": {"layers": 2}})
    for step in range(50):
        accuracy = math.nan if step == 1 else step
        trackio.log(
            {"train/loss": 1 / (step + 1), "acc": accuracy, "deep": {"a": step}, "is": True}
        )
    image = numpy.full((8, 8, 3), 100, numpy.uint8)
    trackio.log({"late": math.inf, "note": "text", "seen": trackio.Image(image)}, step=60)
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    trackio.log({"rows": trackio.Table(dataframe=frame)}, step=61)
    if hasattr(trackio, "Histogram"):
        trackio.log({"weights": trackio.Histogram(numpy.arange(100.0), num_bins=10)}, step=62)
        trackio.log_system({"gpu/0/power": 50.0})
        trackio.log_system({"gpu/0/power": 60.0})
        trackio.alert("low")
    trackio.finish()


log_run("first", 0.1)
log_run("second", 0.2)
