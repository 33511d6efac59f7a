"""Reading the points of metrics."""
