"""Runs of Weights & Biases: folders that it wrote offline, and exports by its public API."""
