"""Traces and metrics by OTLP, where the variables of OpenTelemetry say where to send them.

Only `start.py` is imported where they say nothing.
"""
