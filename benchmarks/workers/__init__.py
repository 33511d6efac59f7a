"""Jobs that drive a server, each run in a process of its own.

`ours.py` drives Runstream through its client; `peer.py` drives MLflow and FastTrackML and runs in
their environments, so it must do without this project's packages. Both print the result as JSON.
"""
