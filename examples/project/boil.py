"""A program of the project in this folder: how long water takes to boil.

runstream run examples/project -P watts=2000
"""

import argparse

import runstream

parser = argparse.ArgumentParser()
parser.add_argument("--watts", type=float)
parser.add_argument("--litres", type=float)
parser.add_argument("--kettle")
options = parser.parse_args()

with runstream.start_run() as run:  # the run that `runstream run` has started
    temperature = 20.0
    for second in range(1, 3600):
        temperature += options.watts / (4184 * options.litres)
        runstream.log_metric("temperature", min(temperature, 100.0), step=second)
        if temperature >= 100.0:
            break

print(f"{options.kettle}: {second} s with {options.watts:g} W")
