"""HTTP of the server: MLflow's REST API, made from the contract, and what is for browsers.

`contract.py` reads the routes, `decode.py` and `encode.py` turn JSON into messages and back,
`rpc_routes.py` serves every unary RPC that has a route, and `mlflow.py` has what MLflow's API
does differently. The servicers are those of gRPC.
"""
