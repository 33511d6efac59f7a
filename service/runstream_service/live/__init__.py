"""What happens now: changes for those who watch, and heartbeats."""
