"""Care for a database: purge, check, backup, and the lock of its file."""
