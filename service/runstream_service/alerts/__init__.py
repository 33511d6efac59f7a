"""Alerts: rules are judged by what is committed, and their destinations are told."""
