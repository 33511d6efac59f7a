"""Trained models: how they are stored as logged models, whatever their framework, and found again.

`log_model` and `load_model` of a framework are in the module of its name, such as
`runstream.sklearn`. They say by a `Flavor` how the framework writes a model, and leave the rest to
`model_logging` and `model_loading`.
"""
