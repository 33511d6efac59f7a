"""What MLflow loads of Runstream: its tracking store, model registry store and artifact repository.

With Runstream installed, `MLFLOW_TRACKING_URI=grpc://host:50051` lets programs that know only
MLflow log over gRPC (docs/decisions/0039-mlflow-over-grpc.md). MLflow finds them by the entry
points `mlflow.tracking_store`, `mlflow.model_registry_store` and `mlflow.artifact_repository` of
this package. It is loaded by MLflow alone, from version 2.15 on, and nothing else of Runstream
imports it.
"""
