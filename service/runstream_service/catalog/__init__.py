"""Experiments, runs, datasets, logged models and artifacts."""
