"""Live data: changes for those who watch, and heartbeats."""
