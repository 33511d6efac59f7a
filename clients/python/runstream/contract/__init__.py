"""Checks and conversions between Python values and the messages of the contract."""
