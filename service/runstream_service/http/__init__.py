"""The HTTP side of the server: MLflow's REST API, made from the contract.

`contract.py` reads the routes, `decode.py` and `encode.py` turn JSON into messages and back,
`calls.py` serves every unary RPC that has a route, and `mlflow.py` says what is peculiar to the
wire of MLflow. The servicers are those of gRPC.
"""
