"""Appending batches of points, params and tags."""
