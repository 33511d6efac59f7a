"""Programs that `runstream run` starts, each with a run of its own.

target.py       what is to be started: a script, a module, a command, or a project
project.py      the file MLproject of a folder
parameters.py   its parameters, and the command with their values
environment.py  whether the present environment is the one that a project asks for
program.py      the process: its start, its signals, its end
launch.py       the run, from its start to the end by the exit status of the program
"""
