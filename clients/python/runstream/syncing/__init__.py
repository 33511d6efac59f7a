"""Delivers folders of a spool to a server."""
