"""System metrics: what the machine does while a run goes on, read by one thread of the process.

`settings` says whether and how often, `job_place` how the keys of a process are called, `sampler`
has the thread, and the other modules read: `machine`, `nvidia_gpus` and `amd_gpus`.
"""
